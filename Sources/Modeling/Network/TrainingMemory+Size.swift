internal import Tensors

/// The bytes of a `TrainingMemory`, by purpose.
package struct TrainingMemorySize: Sendable, Equatable {
  /// Activations that the blocks keep for the backward, including the states at chunk borders.
  package let activations: Double
  /// Gradients of activations, which all blocks share.
  package let activationGradients: Double
  /// What the mixers share, such as decay powers, angles and scores, and the state of each layer.
  package let mixers: Double
  /// A block of logits, and the losses.
  package let logits: Double

  package var total: Double { activations + activationGradients + mixers + logits }
}

extension TrainingMemory {
  /// The size of the memory that `init` would allocate for the same arguments; allocates nothing.
  package static func size(
    _ configuration: ModelConfiguration, batch: Int, time: Int, form: RetentionForm,
    recomputation: Recomputation = .none, hasInitialState: Bool = false, hasDropout: Bool = false, workers: Int
  ) -> TrainingMemorySize {
    let rows = batch * time
    let shape = CallShape(batch: batch, time: time, form: form)
    let stream = Tensor.byteCount(rows, configuration.width)
    // In addition to the stream that enters: activations between, the stream behind the mixer, and the mix of stream
    // and embedding.
    func block(_ type: LayerType) -> Double {
      BlockActivations.byteCount(configuration, type, shape) + (configuration.hasEmbeddingResidual ? 2 : 1) * stream
    }
    let types = configuration.typeOfLayers
    let blocks: Double
    switch recomputation {
    case .none: blocks = types.reduce(0) { $0 + block($1) }
    case .blocks:
      blocks = configuration.presentTypes.reduce(block(types[0])) { sum, type in
        sum + (type == types[0] ? 0 : type.mixer.activationByteCount(configuration, shape))
      }
    }
    let statistics = NormStatistics.byteCount(rows: rows)
    return TrainingMemorySize(
      activations: Double(configuration.layers) * stream + blocks
        // Around the blocks: their output and its norm, and the input of an embedding norm.
        + (configuration.hasEmbeddingNorm ? 3 : 2) * stream + 2 * statistics,
      activationGradients: (hasDropout ? 3 : 2) * stream
        + BackwardScratch.byteCount(configuration, shape),
      mixers: configuration.mixerMemoryByteCount(
        MixerMemoryPlan(shape: shape, hasInitialState: hasInitialState, workers: workers))
        + ModelState.byteCount(configuration, batch: batch),
      logits: Tensor.byteCount(min(rows, logitRows), configuration.vocabularySize) + Tensor.byteCount(rows))
  }
}
