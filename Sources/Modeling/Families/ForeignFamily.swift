internal import Checkpoints
package import Retention

/// A program whose weights are read: how its files are recognised, and what model they are.
///
/// A further family is a value in a file of its own and its name in `all`.
package struct ForeignFamily: Sendable, Equatable {
  /// As `retnet convert --from` takes it, and as models keep it.
  package let name: String
  /// What scores are divided by, which no checkpoint tells: what the family's published code does.
  package let defaultScoreNorm: ScoreNorm
  /// What stands before every name of the family, as `decoder.`, often nothing; nil where the weights are not of it.
  let prefix: @Sendable (ForeignNames) -> String?
  let plan: @Sendable (ForeignSource) throws -> FamilyPlan

  /// All families. The last one that recognises weights has them: what is particular comes behind what is general.
  package static let all: [ForeignFamily] = [.torchscale, .fla, .syncdoth, .yetAnotherRetNet]

  package static func == (a: ForeignFamily, b: ForeignFamily) -> Bool { a.name == b.name }

  /// The family of weights, and what stands before its names.
  ///
  /// - Parameters:
  ///   - weights: All the names count, without what wrappers add.
  ///   - settings: What is written beside the weights; it decides where two families use the same names.
  /// - Returns: The family, and what stands before every name of it.
  /// - Throws: `ModelFileError.unsupported` for relatives that compute something else, `.unknownWeights`.
  static func find(
    _ weights: WeightsFile, _ settings: ForeignConfiguration
  ) throws(ModelFileError) -> (family: ForeignFamily, prefix: String) {
    for tensor in weights.tensors {
      if let (_, found) = relatives.first(where: { tensor.name.contains($0.fragment) }) {
        throw .unsupported(path: weights.path, found: "\(found) (tensor \(quoted(tensor.name)))")
      }
    }
    let names = ForeignNames(weights, settings)
    for family in all.reversed() {
      if let prefix = family.prefix(names) { return (family, prefix) }
    }
    throw .unknownWeights(path: weights.path)
  }

  /// Parts of names that only models have which are no RetNets, or RetNets with parts that are not computed here.
  private static let relatives: [(fragment: String, found: String)] = [
    ("moe_layer", "a mixture of experts"), (".A.", "a multiway model"), (".B.", "a multiway model"),
    ("transformer.h.", "RetNet-XATL in its lit form"), ("retention.group_norm", "RetNet-XATL"),
    ("retention.down_proj", "RetNet-XATL"), (".msr.qkv.", "the first version of syncdoth/RetNet"),
    (".W_Q", "Jamie-Stirling/RetNet"), ("gt_proj", "the gated retention of YOCO"),
    ("_conv1d.", "short convolutions"), ("attnres", "attention residuals"),
    ("ffn_layernorm", "a norm inside the feed-forward part"),
  ]
}

/// The names of weights, without what wrappers add, and what is written beside them.
struct ForeignNames {
  private let names: [String]
  private let known: Set<String>
  let settings: ForeignConfiguration

  init(_ weights: WeightsFile, _ settings: ForeignConfiguration) {
    names = weights.tensors.map { UnwrappedWeights.unwrapped($0.name) }
    // A tied head may stand in the metadata alone.
    known = Set(names + weights.metadata.keys.map { UnwrappedWeights.unwrapped($0) })
    self.settings = settings
  }

  func contains(_ name: String) -> Bool { known.contains(name) }

  /// What stands before a name, as `decoder.` or `net.model.`: whatever programs have called what holds the model.
  func prefix(before ending: String) -> String? {
    for name in names where name.hasSuffix(ending) {
      let prefix = String(name.dropLast(ending.count))
      if prefix.isEmpty || prefix.hasSuffix(".") { return prefix }
    }
    return nil
  }

  /// What stands before a name and a part that is the family's own first part, and may be a container's of another.
  func prefix(before part: String, _ ending: String) -> String? {
    prefix(before: ending).flatMap { $0.hasSuffix(part) ? String($0.dropLast(part.count)) : nil }
  }
}
