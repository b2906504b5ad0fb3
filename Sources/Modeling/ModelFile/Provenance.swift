/// The origin of a model, stored in its file.
package struct Provenance: Codable, Equatable, Sendable {
  /// The seed of the initial weights and of the data order.
  package var seed: UInt64?
  /// Number of optimizer steps.
  package var steps: Int?
  /// Number of training tokens, repeats included.
  package var tokensSeen: Int?
  /// SHA-256 of the training tokens, in hexadecimal.
  package var dataDigest: String?
  /// The program that wrote the file, with its version.
  package var toolVersion: String?
  /// The digest of the model that this one was made from.
  package var parent: String?
  /// The family of the foreign weights that the model was made from.
  package var family: String?
  /// Whether a stopped training run wrote this model as its best because it had no best model yet.
  package var isOfStop: Bool?
  /// How the conversations of the training text were written: for each role a text with `{content}`.
  package var chatTemplate: [String: String]?

  package init(
    seed: UInt64? = nil, steps: Int? = nil, tokensSeen: Int? = nil, dataDigest: String? = nil,
    toolVersion: String? = nil, parent: String? = nil, family: String? = nil, isOfStop: Bool? = nil,
    chatTemplate: [String: String]? = nil
  ) {
    self.seed = seed
    self.steps = steps
    self.tokensSeen = tokensSeen
    self.dataDigest = dataDigest
    self.toolVersion = toolVersion
    self.parent = parent
    self.family = family
    self.isOfStop = isOfStop
    self.chatTemplate = chatTemplate
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
    case chatTemplate = "chat_template"
  }
}
