internal import Checkpoints
package import Files
internal import Tensors

/// What can only be known of a model file by reading all of its numbers.
extension ModelHeader {
  /// Compares the file with the digest that its writer stored, if it did (docs/CHECKPOINT.md, M10).
  ///
  /// - Returns: The digest of the file.
  /// - Throws: `ModelFileError.digest` where they differ.
  @discardableResult
  package func checkDigest() throws -> SHA256Digest {
    let found = try computeDigest()
    if let storedDigest, storedDigest != found {
      throw ModelFileError.digest(path: path, expected: storedDigest, found: found)
    }
    return found
  }

  /// The first number of the file that is not finite; reads only up to there.
  ///
  /// - Returns: nil if all are finite.
  /// - Throws: As reading weights does.
  package func firstNotFinite() throws -> NotFiniteWeight? {
    let weights = Parameters.descriptions(configuration)
    for tensor in file.tensors {
      guard let weight = weights.first(where: { $0.name == tensor.name }) else { continue }
      let numbers = Tensor(weight.shape)
      try read(weight, into: numbers)
      if let found = NotFiniteWeight(weight, numbers) { return found }
    }
    return nil
  }
}

/// A number of a weight that is NaN or infinite.
package struct NotFiniteWeight {
  package let name: String
  /// Its index in each dimension.
  package let place: [Int]
  package let number: Float

  /// The first such number; nil if all are finite.
  init?(_ weight: ParameterDescription, _ numbers: Tensor) {
    guard let index = numbers.firstNotFinite else { return nil }
    name = weight.name
    place = weight.isMatrix ? [index / weight.shape[1], index % weight.shape[1]] : [index]
    number = numbers[index]
  }
}

extension Parameters {
  /// The first number that is not finite; nil if all are.
  package var firstNotFinite: NotFiniteWeight? {
    for description in descriptions {
      if let found = NotFiniteWeight(description, tensor(description)) { return found }
    }
    return nil
  }
}
