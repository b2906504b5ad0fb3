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

  /// The first weight of the file that has a number that is not finite, for a message: reads until there.
  ///
  /// - Returns: Its name, the number's place and the number; nil if all are finite.
  /// - Throws: As reading weights does.
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
