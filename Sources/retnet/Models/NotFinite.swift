internal import Inference
internal import Modeling
internal import Tensors

extension LoadedModel {
  /// Where a number that is not finite is from: the first weight in the order of the file, else what a layer remembers.
  ///
  /// - Parameters:
  ///   - place: Where it was noticed: "after token 17".
  ///   - state: What was read by then, where there is one.
  /// - Returns: With status 65.
  func notFinite(_ place: String, state: ModelState?) -> CommandError {
    if let found = try? header.firstNotFinite() {
      return CommandError(
        .badData,
        "\(header.path): tensor '\(found.name)': expected finite numbers, found \(found.number) at \(found.place)",
        hint: "noticed in the logits \(place); the file is damaged, or its training has failed")
    }
    let layer = state?.firstLayerNotFinite.map { "the state of layer \($0)" } ?? "logits"
    return CommandError(
      .badData,
      "\(header.path): \(layer): expected finite numbers \(place), found others, though all weights are finite")
  }
}

extension Parameters {
  /// Refuses weights that are not finite.
  ///
  /// - Parameter path: Where they are from.
  /// - Throws: `CommandError` with status 65 that names the first.
  func checkAreFinite(_ path: String) throws {
    for description in descriptions {
      let tensor = tensor(description)
      guard let index = tensor.firstNotFinite else { continue }
      throw CommandError(
        .badData,
        "\(path): tensor '\(description.name)': expected finite numbers, found \(tensor[index]) at index \(index)",
        hint: "its training diverged, or it was damaged; take an earlier model")
    }
  }
}
