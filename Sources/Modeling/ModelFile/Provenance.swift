/// Where a model comes from: written beside the weights, so that a file explains itself.
package struct Provenance: Codable, Equatable, Sendable {
  /// The seed of initialisation and of the order of the data.
  package var seed: UInt64?
  /// Optimizer steps so far.
  package var steps: Int?
  /// Training tokens seen so far, repeats counted.
  package var tokensSeen: Int?
  /// SHA-256 of the training tokens, in hexadecimal.
  package var dataDigest: String?
  /// The program that wrote the file, with its version.
  package var toolVersion: String?
  /// Digest of the model that this one was made from.
  package var parent: String?
  /// The family of the foreign weights that the model was made from.
  package var family: String?
  /// Whether a training run that was stopped has written it in place of a best model that it did not have yet.
  package var isOfStop: Bool?

  package init(
    seed: UInt64? = nil, steps: Int? = nil, tokensSeen: Int? = nil, dataDigest: String? = nil,
    toolVersion: String? = nil, parent: String? = nil, family: String? = nil, isOfStop: Bool? = nil
  ) {
    self.seed = seed
    self.steps = steps
    self.tokensSeen = tokensSeen
    self.dataDigest = dataDigest
    self.toolVersion = toolVersion
    self.parent = parent
    self.family = family
    self.isOfStop = isOfStop
  }

  private enum CodingKeys: String, CodingKey {
    case seed
    case steps
    case tokensSeen = "tokens_seen"
    case dataDigest = "data_digest"
    case toolVersion = "tool_version"
    case parent
    case family
    case isOfStop = "of_stop"
  }
}
