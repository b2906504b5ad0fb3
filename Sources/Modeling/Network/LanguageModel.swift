package import Retention
package import Tensors

/// A language model, which maps token ids to logits: a Retentive Network, a Transformer, or a hybrid.
package struct LanguageModel: Sendable {
  package let configuration: ModelConfiguration
  package let weights: ModelWeights
  let blocks: [Block]
  let head: Linear
  private let trained: Parameters?

  /// Makes a network that can be trained.
  ///
  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - parameters: Parameters with the layout of the configuration.
  package init(_ configuration: ModelConfiguration, _ parameters: Parameters) {
    self.init(configuration, ModelWeights(parameters), trained: parameters)
  }

  /// Makes a network that only runs, from weights in their stored formats.
  package init(_ configuration: ModelConfiguration, _ weights: ModelWeights) {
    self.init(configuration, weights, trained: nil)
  }

  /// The same network, to run, with another format of the key/value caches of attention.
  package func caching(in format: CacheFormat) -> LanguageModel {
    var configuration = configuration
    configuration.attention.cacheFormat = format
    return LanguageModel(configuration, weights)
  }

  private init(_ configuration: ModelConfiguration, _ weights: ModelWeights, trained: Parameters?) {
    self.configuration = configuration
    self.weights = weights
    self.trained = trained
    blocks = weights.layers.enumerated().map { Block(configuration, $1, index: $0) }
    head = Linear(weights.head, weights.headBias)
  }

  /// The parameters that training changes.
  ///
  /// - Precondition: The network was made from parameters.
  package var parameters: Parameters {
    guard let trained else { preconditionFailure("LanguageModel.parameters: this network only runs") }
    return trained
  }

  /// Reads tokens: advances the state, and leaves the final norm of each token in `memory.normed`.
  ///
  /// - Parameters:
  ///   - ids: Token ids [B·T].
  ///   - batch: B.
  ///   - form: The form of retention.
  ///   - state: The state before the call, replaced by that after it; its position advances by T.
  ///   - positions: The position of each sequence; requires T = 1, and leaves the state's position unchanged. nil: the
  ///     state's position, for all sequences.
  ///   - documentStarts: As in `recurrentRetention`; nil: one document that continues.
  ///   - precision: Precision of products with Float32 weights and of products inside chunkwise retention.
  ///   - memory: Made for at least B·T rows.
  ///   - observe: Gets, for each layer, the heads' outputs before and after the head norm, without the gate [B·T, H·V].
  ///     Both are valid during the call only. nil costs nothing.
  ///   - pool: Where the work runs.
  /// - Returns: [B·T, D], the input of the head; valid until the next call.
  package func forward(
    _ ids: Indices, batch: Int, form: RetentionForm, state: inout ModelState, positions: [Int]? = nil,
    documentStarts: Indices? = nil, precision: ProductPrecision = .float32, memory: InferenceMemory,
    observe: ((_ layer: Int, _ retained: Tensor, _ headNormed: Tensor) -> Void)? = nil,
    on pool: WorkerPool
  ) -> Tensor {
    let rows = ids.count
    precondition(rows % batch == 0, "forward: \(rows) ids for \(batch) sequences")
    let shape = CallShape(batch: batch, time: rows / batch, form: form)
    let activations = memory.activations(rows: rows)
    let first = activations[configuration.layerTypes[0]]
    let stream = first.stream
    if let positions {
      precondition(
        positions.count == batch && shape.time == 1, "forward: \(positions.count) positions for \(rows) rows")
      memory.mixers.forEach { $0.prepare(positions) }
    } else {
      memory.mixers.forEach { $0.prepare(first: state.position, count: shape.time) }
    }
    let x0 = memory.x0?.prefix(rows)
    let call = LayerCall(
      shape: shape, documentStarts: documentStarts, precision: precision, memories: memory.mixers,
      keepsState: true, x0: x0,
      dropout: nil)
    embed(stream, embedded: memory.embedded?.prefix(rows), first.statistics, ids, on: pool)
    x0?.copy(stream, on: pool)
    for (index, block) in blocks.enumerated() {
      let a = activations[configuration.layerTypes[index]]
      block.forward(stream, a, call, state: state.layers[index], on: pool)
      if let observe {
        let (heads, normed) = block.mixer.observe(a.mixer, on: pool)
        observe(index, heads, normed)
      }
    }
    if positions == nil { state.position += shape.time }
    let normed = memory.normed.prefix(rows)
    normalizeOutput(normed, first.statistics, stream, on: pool)
    return normed
  }

  /// x = scale · table[ids], followed by the embedding norm if the model has one.
  ///
  /// - Parameters:
  ///   - x: [R, D].
  ///   - embedded: Receives the input of the embedding norm [R, D]; nil if there is no such norm.
  ///   - statistics: Receives the statistics of the norm.
  ///   - ids: [R].
  ///   - pool: Where the work runs.
  func embed(_ x: Tensor, embedded: Tensor?, _ statistics: NormStatistics, _ ids: Indices, on pool: WorkerPool) {
    let rows = embedded ?? x
    gatherRows(rows, weights.embedding, ids)
    if configuration.embeddingScale != 1 { rows.scale(by: Float(configuration.embeddingScale), on: pool) }
    if let norm = weights.embeddingNorm, let embedded {
      Norm(configuration, norm).forward(x, statistics, embedded, on: pool)
    }
  }

  /// The norm before the head; a copy if there is none.
  func normalizeOutput(_ y: Tensor, _ statistics: NormStatistics, _ x: Tensor, on pool: WorkerPool) {
    if let norm = weights.finalNorm {
      Norm(configuration, norm).forward(y, statistics, x, on: pool)
    } else {
      y.copy(x, on: pool)
    }
  }

  /// logits = normed · headᵀ + bias, capped if the model has a cap (docs/MATH.md, eq. 40).
  ///
  /// - Parameters:
  ///   - logits: [R, N].
  ///   - normed: [R, D].
  ///   - precision: Precision of the product if the weight is Float32.
  ///   - pool: Where the work runs.
  package func computeLogits(
    _ logits: Tensor, _ normed: Tensor, precision: ProductPrecision = .float32, on pool: WorkerPool
  ) {
    head.forward(Matrix(logits), normed, precision: precision, on: pool)
    if let cap = configuration.softcap { logits.softcap(cap, on: pool) }
  }
}

/// Memory to run a model without a backward: the activations of one block, used by all blocks in turn.
package final class InferenceMemory {
  /// Those of each layer type for the longest call; they share all tensors except those of their mixers.
  private let longest: ByLayerType<BlockActivations>
  private let rowsOfLongest: Int
  /// A view of their first rows, as many as the last shorter call had: most have as many as the one before.
  private var shorter: (rows: Int, activations: ByLayerType<BlockActivations>)
  let mixers: ByLayerType<any MixerMemory>
  /// The input of the embedding norm, if there is one.
  let embedded: Tensor?
  /// The residual stream before the first block, with an embedding residual.
  let x0: Tensor?
  let normed: Tensor

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - decay: The decay of each head; nil: by the configuration's rule.
  ///   - form: The form of the calls; recurrent calls are always possible.
  ///   - batch: Sequences of a call.
  ///   - time: Tokens of a sequence in the longest call.
  ///   - workers: Threads of the pool.
  package init(
    _ configuration: ModelConfiguration, decay: Decay? = nil, form: RetentionForm, batch: Int, time: Int, workers: Int
  ) {
    MemoryRefusal.require(
      byteCount: Self.byteCount(configuration, form: form, batch: batch, time: time, workers: workers))
    let rows = batch * time
    let shape = CallShape(batch: batch, time: time, form: form)
    let stream = Tensor(Shape(rows, configuration.width))
    let types = configuration.presentTypes
    let shared = BlockActivations(configuration, types[0], shape, stream: stream, middle: stream)
    longest = ByLayerType(types) { type in
      type == types[0]
        ? shared : shared.replacing(stream: stream, mixer: type.mixer.makeActivations(configuration, shape))
    }
    rowsOfLongest = rows
    shorter = (rows, longest)
    mixers = configuration.makeMixerMemories(MixerMemoryPlan(shape: shape, decay: decay, workers: workers))
    embedded = configuration.hasEmbeddingNorm ? Tensor(Shape(rows, configuration.width)) : nil
    x0 = configuration.hasEmbeddingResidual ? Tensor(Shape(rows, configuration.width)) : nil
    normed = Tensor(Shape(rows, configuration.width))
  }

  /// The activations of a block of each layer type, for a call of so many rows.
  func activations(rows: Int) -> ByLayerType<BlockActivations> {
    if rows == rowsOfLongest { return longest }
    if rows != shorter.rows { shorter = (rows, longest.map { $0.prefix(rows) }) }
    return shorter.activations
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(
    _ configuration: ModelConfiguration, form: RetentionForm, batch: Int, time: Int, workers: Int
  ) -> Double {
    let count = 2 + (configuration.hasEmbeddingNorm ? 1 : 0) + (configuration.hasEmbeddingResidual ? 1 : 0)
    let streams = Double(count) * Tensor.byteCount(batch * time, configuration.width)
    let shape = CallShape(batch: batch, time: time, form: form)
    let types = configuration.presentTypes
    return streams + BlockActivations.byteCount(configuration, types[0], shape)
      + types.dropFirst().reduce(0) { $0 + $1.mixer.activationByteCount(configuration, shape) }
      + configuration.mixerMemoryByteCount(MixerMemoryPlan(shape: shape, workers: workers))
  }
}

extension ModelConfiguration {
  /// What the layers of each type share in the calls of a plan.
  func makeMixerMemories(_ plan: MixerMemoryPlan) -> ByLayerType<any MixerMemory> {
    ByLayerType(presentTypes) { $0.mixer.makeMemory(self, plan) }
  }

  /// Bytes of what `makeMixerMemories` allocates.
  func mixerMemoryByteCount(_ plan: MixerMemoryPlan) -> Double {
    presentTypes.reduce(0) { $0 + $1.mixer.memoryByteCount(self, plan) }
  }
}
