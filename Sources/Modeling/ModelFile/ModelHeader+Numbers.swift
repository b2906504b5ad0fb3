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

  /// Finds the first weight of the file with a number that is not finite, for a message; reads no further.
  ///
  /// - Returns: The weight's name, the position of the number, and the number; nil if all are finite.
  /// - Throws: The errors of reading weights.
  package func firstNotFinite() throws -> (name: String, place: [Int], number: Float)? {
    let weights = Parameters.descriptions(configuration)
    for tensor in file.tensors {
      guard let weight = weights.first(where: { $0.name == tensor.name }) else { continue }
      let numbers = Tensor(weight.shape)
      try read(weight, into: numbers)
      guard let index = numbers.firstNotFinite else { continue }
      let place = weight.isMatrix ? [index / weight.shape[1], index % weight.shape[1]] : [index]
      return (weight.name, place, numbers[index])
    }
    return nil
  }
}
