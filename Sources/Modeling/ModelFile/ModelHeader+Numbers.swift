internal import Checkpoints
package import Files
internal import Tensors

/// Checks of a model file that read all of its numbers.
extension ModelHeader {
  /// Compares the file with its stored digest, if it has one (docs/CHECKPOINT.md, M10).
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

  /// Finds the first number of the file that is not finite; reads no further.
  ///
  /// - Returns: nil if all are finite.
  /// - Throws: The errors of reading weights.
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
