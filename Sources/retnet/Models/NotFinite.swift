internal import Inference
internal import Modeling
internal import Tensors

/// Errors for weights, states and logits that are not finite.
extension LoadedModel {
  /// The error for a number that is not finite: it names the first such weight in file order, else the first such layer
  /// state.
  ///
  /// - Parameters:
  ///   - place: Where it was noticed: "after token 17".
  ///   - state: The state at that point, if there is one.
  /// - Returns: An error with status 65.
  func notFinite(_ place: String, state: ModelState?) -> CommandError {
    if let found = try? header.firstNotFinite() {
      return CommandError(found, in: header.path, hint: "noticed in the logits \(place); \(NotFiniteWeight.causes)")
    }
    let layer = state?.firstLayerNotFinite.map { "the state of layer \($0)" } ?? "logits"
    return CommandError(
      .badData,
      "\(header.path): \(layer): expected finite numbers \(place), found others, though all weights are finite")
  }
}

extension Parameters {
  /// Throws if a weight is not finite.
  ///
  /// - Parameter path: The path of the weights.
  /// - Throws: `CommandError` with status 65 that names the first such weight.
  func checkAreFinite(_ path: String) throws {
    guard let found = firstNotFinite else { return }
    throw CommandError(found, in: path)
  }
}

extension CommandError {
  /// The error for a weight that is not finite.
  ///
  /// - Parameters:
  ///   - found: The first such number.
  ///   - path: The path of the weights.
  ///   - hint: nil: the usual causes.
  init(_ found: NotFiniteWeight, in path: String, hint: String? = nil) {
    self.init(
      .badData, "\(path): tensor '\(found.name)': expected finite numbers, found \(found.number) at \(found.place)",
      hint: hint ?? "\(NotFiniteWeight.causes); use an earlier model")
  }
}

extension NotFiniteWeight {
  fileprivate static let causes = "training diverged, or the file is damaged"
}
