internal import Configurations
package import Modeling

extension TrainingConfiguration {
  /// Whether a weight is trained.
  package func trains(_ weight: ParameterDescription) -> Bool {
    !tunesState && (trainOnly.isEmpty || trainOnly.contains { NamePattern($0).matches(weight.name) })
  }

  /// Messages about patterns of `train_only` that match no weight.
  ///
  /// - Parameter model: The resolved configuration of the model, with its vocabulary size.
  /// - Returns: A message for each such pattern.
  package func patternProblems(for model: ModelConfiguration) -> [String] {
    let names = Parameters.descriptions(model).map(\.name)
    return trainOnly.filter { text in !names.contains { NamePattern(text).matches($0) } }.map { text in
      let isTiedHead = model.isHeadTied && NamePattern(text).matches("lm_head.weight")
      let near = isTiedHead ? "embed.weight" : Self.near(text, names)
      let advice = isTiedHead ? "; the head is tied, its weight is " : "; did you mean "
      return "train_only: expected patterns that match weights, found \(quotedForMessage(text)), which matches none"
        + (near.map { advice + "'\($0)'" + (isTiedHead ? "" : "?") } ?? "")
    }
  }

  /// The most similar name, or pattern for a name in all layers.
  private static func near(_ text: String, _ names: [String]) -> String? {
    let prefix = "layers.0."
    let patterns = names.filter { $0.hasPrefix(prefix) }.flatMap { (name: String) -> [String] in
      let rest = String(name.dropFirst(prefix.count))
      let part = String(rest.prefix { $0 != "." })
      return ["layers.*.\(rest)", "*.\(rest)", "*\(rest)", "layers.*.\(part).*"]
    }
    return closestMatch(to: text, among: names + patterns)
  }
}
