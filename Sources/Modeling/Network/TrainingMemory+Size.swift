internal import Retention
internal import Tensors

/// Bytes of a `TrainingMemory`, by what they are for.
package struct TrainingMemorySize: Sendable, Equatable {
  /// What the blocks keep for the backward, states at chunk borders included.
  package let activations: Double
  /// Gradients of activations, shared by all blocks.
  package let activationGradients: Double
  /// Decay powers, angles, scores, and the state of each layer.
  package let retention: Double
  /// A block of logits, and the losses.
  package let logits: Double

  package var total: Double { activations + activationGradients + retention + logits }
}

extension TrainingMemory {
  /// The size of the memory that `init` would make of the same arguments; allocates nothing.
  package static func size(
    _ configuration: ModelConfiguration, batch: Int, time: Int, form: RetentionForm,
    recomputation: Recomputation = .none, hasInitialState: Bool = false, workers: Int
  ) -> TrainingMemorySize {
    let rows = batch * time
    let shape = configuration.retentionShape(batch: batch, time: time)
    let stream = Tensor.byteCount(rows, configuration.width)
    // Beside the stream that enters: what is between, and the stream after retention.
    let block = BlockActivations.byteCount(configuration, shape: shape, form: form) + stream
    let blocks = recomputation == .blocks ? 1 : configuration.layers
    let statistics = NormStatistics.byteCount(rows: rows)
    return TrainingMemorySize(
      activations: Double(configuration.layers) * stream + Double(blocks) * block
        // Around the blocks: their output and its norm; what an embedding norm reads.
        + (configuration.hasEmbeddingNorm ? 3 : 2) * stream + 2 * statistics,
      activationGradients: 2 * stream
        + BackwardScratch.byteCount(configuration, shape: shape, form: form),
      retention: MixerMemory.byteCount(
        configuration, form: form, batch: batch, time: time, hasInitialState: hasInitialState, workers: workers)
        + ModelState.byteCount(configuration, batch: batch),
      logits: Tensor.byteCount(min(rows, logitRows), configuration.vocabularySize) + Tensor.byteCount(rows))
  }
}
