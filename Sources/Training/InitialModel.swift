/// Where the weights came from that a run began with, where its seed did not make them.
package struct InitialModel: Codable, Equatable, Sendable {
  /// As it was given.
  package let path: String
  /// Of the model (docs/CHECKPOINT.md, M9), or of foreign weights, in hexadecimal.
  package let digest: String
  /// The family of foreign weights.
  package let family: String?

  package init(path: String, digest: String, family: String? = nil) {
    (self.path, self.digest, self.family) = (path, digest, family)
  }
}
