package import Files

extension FileKind {
  /// The entries of the metadata that say which of our files a safetensors file is, with their format's version.
  package static let modelKey = "retnet.format_version"
  package static let stateKey = "retnet.state_version"
  package static let trainingStateKey = "retnet.training_state_version"

  /// What a safetensors file is, told by its metadata.
  package init(_ file: SafetensorsFile) {
    self.init(metadata: file.metadata, isEmpty: file.tensors.isEmpty)
  }

  /// What weights are, told by their metadata.
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
