internal import Retention
internal import Tensors

/// What is kept of each block's forward for the backward.
package enum Recomputation: String, CaseIterable, Sendable {
  /// All activations: no block is computed twice.
  case none
  /// The block's input only: the backward computes each block again, and only one block's activations exist at a time.
  case blocks
}

/// Memory to train on batches of B sequences of T tokens, including the activations of every block.
package final class TrainingMemory {
  let shape: RetentionShape
  /// The input of the embedding norm, if there is one, and the statistics of the norm.
  let embedded: Tensor?
  let embeddingStatistics: NormStatistics
  let recomputation: Recomputation
  /// The activations of each block; with `.blocks` they share all tensors except the stream.
  let activations: [BlockActivations]
  let output: Tensor
  let outputStatistics: NormStatistics
  let normed: Tensor
  let dnormed: Tensor
  let dstream: Tensor
  /// With dropout: what a branch adds to the residual stream, and its gradient.
  let branch: Tensor?
  let logits: Tensor
  let losses: Tensor
  let scratch: BackwardScratch
  let mixer: MixerMemory
  let state: ModelState

  /// Rows of logits that exist at a time; the logits of all rows never do.
  static let logitRows = 512

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - batch: B.
  ///   - time: T.
  ///   - form: Chunkwise, or parallel, whose time grows with T².
  ///   - recomputation: What is kept of each block's forward.
  ///   - hasInitialState: Whether documents start from a state.
  ///   - hasDropout: Whether calls may have dropout.
  ///   - workers: Threads of the pool.
  package init(
    _ configuration: ModelConfiguration, batch: Int, time: Int, form: RetentionForm,
    recomputation: Recomputation = .none, hasInitialState: Bool = false, hasDropout: Bool = false, workers: Int
  ) {
    let rows = batch * time
    let shape = configuration.retentionShape(batch: batch, time: time)
    func stream() -> Tensor { Tensor(Shape(rows, configuration.width)) }
    self.shape = shape
    embedded = configuration.hasEmbeddingNorm ? stream() : nil
    embeddingStatistics = NormStatistics(rows: rows)
    func block() -> BlockActivations {
      BlockActivations(
        configuration, shape: shape, form: form, stream: stream(),
        mixed: configuration.hasEmbeddingResidual ? stream() : nil, middle: stream())
    }
    self.recomputation = recomputation
    switch recomputation {
    case .none: activations = (0..<configuration.layers).map { _ in block() }
    case .blocks:
      let shared = block()
      activations = (0..<configuration.layers).map { $0 == 0 ? shared : shared.replacing(stream: stream()) }
    }
    output = stream()
    outputStatistics = NormStatistics(rows: rows)
    normed = stream()
    dnormed = stream()
    dstream = stream()
    branch = hasDropout ? stream() : nil
    logits = Tensor(Shape(min(rows, TrainingMemory.logitRows), configuration.vocabularySize))
    losses = Tensor(Shape(rows))
    scratch = BackwardScratch(configuration, shape: shape, form: form)
    mixer = MixerMemory(
      configuration, form: form, batch: batch, time: time, hasInitialState: hasInitialState, workers: workers)
    state = ModelState(configuration, batch: batch)
  }
}
