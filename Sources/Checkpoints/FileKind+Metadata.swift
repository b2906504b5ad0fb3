package import Files

/// Recognises our own kinds of safetensors files by their metadata.
extension FileKind {
  /// The metadata keys that tell our kinds of safetensors files apart; each holds its format's version.
  package static let modelKey = "retnet.format_version"
  package static let stateKey = "retnet.state_version"
  package static let trainingStateKey = "retnet.training_state_version"

  /// The kind of a safetensors file, from its metadata.
  package init(_ file: SafetensorsFile) {
    self.init(metadata: file.metadata, isEmpty: file.tensors.isEmpty)
  }

  /// The kind of a weights file, from its metadata.
  package init(_ weights: WeightsFile) {
    self.init(metadata: weights.metadata, isEmpty: weights.tensors.isEmpty)
  }

  private init(metadata: [String: String], isEmpty: Bool) {
    if metadata[Self.modelKey] != nil {
      self = .model
    } else if metadata[Self.stateKey] != nil {
      self = .state
    } else if metadata[Self.trainingStateKey] != nil {
      self = .trainingState
    } else {
      self = isEmpty ? .safetensors : .foreignWeights
    }
  }
}
