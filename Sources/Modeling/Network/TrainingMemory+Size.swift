internal import Retention
internal import Tensors

/// The bytes of a `TrainingMemory`, by purpose.
package struct TrainingMemorySize: Sendable, Equatable {
  /// Activations that the blocks keep for the backward, including the states at chunk borders.
  package let activations: Double
  /// Gradients of activations, which all blocks share.
  package let activationGradients: Double
  /// Decay powers, angles, scores, and the state of each layer.
  package let retention: Double
  /// A block of logits, and the losses.
  package let logits: Double

  package var total: Double { activations + activationGradients + retention + logits }
}

extension TrainingMemory {
  /// The size of the memory that `init` would allocate for the same arguments; allocates nothing.
  package static func size(
    _ configuration: ModelConfiguration, batch: Int, time: Int, form: RetentionForm,
    recomputation: Recomputation = .none, hasInitialState: Bool = false, hasDropout: Bool = false, workers: Int
  ) -> TrainingMemorySize {
    let rows = batch * time
    let shape = configuration.retentionShape(batch: batch, time: time)
    let stream = Tensor.byteCount(rows, configuration.width)
    // In addition to the stream that enters: activations between, the stream behind the mixer, and the mix of stream
    // and embedding.
    let block =
      BlockActivations.byteCount(configuration, shape: shape, form: form)
      + (configuration.hasEmbeddingResidual ? 2 : 1) * stream
    let blocks = recomputation == .blocks ? 1 : configuration.layers
    let statistics = NormStatistics.byteCount(rows: rows)
    return TrainingMemorySize(
      activations: Double(configuration.layers) * stream + Double(blocks) * block
        // Around the blocks: their output and its norm, and the input of an embedding norm.
        + (configuration.hasEmbeddingNorm ? 3 : 2) * stream + 2 * statistics,
      activationGradients: (hasDropout ? 3 : 2) * stream
        + BackwardScratch.byteCount(configuration, shape: shape, form: form),
      retention: MixerMemory.byteCount(
        configuration, form: form, batch: batch, time: time, hasInitialState: hasInitialState, workers: workers)
        + ModelState.byteCount(configuration, batch: batch),
      logits: Tensor.byteCount(min(rows, logitRows), configuration.vocabularySize) + Tensor.byteCount(rows))
  }
}
