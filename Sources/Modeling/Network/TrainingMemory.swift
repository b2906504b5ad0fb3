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
  let shape: CallShape
  /// The input of the embedding norm, if there is one, and the statistics of the norm.
  let embedded: Tensor?
  let embeddingStatistics: NormStatistics
  let recomputation: Recomputation
  /// The activations of each block; with `.blocks` those of a layer type share all tensors except the stream.
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
  let mixers: ByLayerType<any MixerMemory>
  let hasInitialState: Bool
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
    let shape = CallShape(batch: batch, time: time, form: form)
    func stream() -> Tensor { Tensor(Shape(rows, configuration.width)) }
    self.shape = shape
    embedded = configuration.hasEmbeddingNorm ? stream() : nil
    embeddingStatistics = NormStatistics(rows: rows)
    func block(_ type: LayerType) -> BlockActivations {
      BlockActivations(
        configuration, type, shape, stream: stream(),
        mixed: configuration.hasEmbeddingResidual ? stream() : nil, middle: stream())
    }
    self.recomputation = recomputation
    let types = configuration.typeOfLayers
    switch recomputation {
    case .none: activations = types.map(block)
    case .blocks:
      let shared = block(types[0])
      let mixers = ByLayerType(configuration.presentTypes) {
        $0 == types[0] ? shared.mixer : $0.mixer.makeActivations(configuration, shape)
      }
      activations = types.enumerated().map { index, type in
        index == 0 ? shared : shared.replacing(stream: stream(), mixer: mixers[type])
      }
    }
    output = stream()
    outputStatistics = NormStatistics(rows: rows)
    normed = stream()
    dnormed = stream()
    dstream = stream()
    branch = hasDropout ? stream() : nil
    logits = Tensor(Shape(min(rows, TrainingMemory.logitRows), configuration.vocabularySize))
    losses = Tensor(Shape(rows))
    scratch = BackwardScratch(configuration, shape)
    mixers = configuration.makeMixerMemories(
      MixerMemoryPlan(shape: shape, hasInitialState: hasInitialState, workers: workers))
    self.hasInitialState = hasInitialState
    state = ModelState(configuration, batch: batch)
  }
}
