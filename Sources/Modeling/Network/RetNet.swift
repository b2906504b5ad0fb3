package import Retention
package import Tensors

/// A Retentive Network: token ids in, logits out.
package struct RetNet: Sendable {
  package let configuration: ModelConfiguration
  package let weights: ModelWeights
  let blocks: [Block]
  let head: Linear
  private let trained: Parameters?

  /// A network that can be trained.
  ///
  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - parameters: Laid out for it.
  ///   - precision: Of the products with weights.
  package init(_ configuration: ModelConfiguration, _ parameters: Parameters, precision: ProductPrecision = .float32) {
    self.init(configuration, ModelWeights(parameters), trained: parameters, precision: precision)
  }

  /// A network that only runs, from weights in the formats that they have.
  package init(_ configuration: ModelConfiguration, _ weights: ModelWeights) {
    self.init(configuration, weights, trained: nil, precision: .float32)
  }

  private init(
    _ configuration: ModelConfiguration, _ weights: ModelWeights, trained: Parameters?, precision: ProductPrecision
  ) {
    self.configuration = configuration
    self.weights = weights
    self.trained = trained
    blocks = weights.layers.map { Block(configuration: configuration, weights: $0, precision: precision) }
    head = Linear(weights.head, weights.headBias, precision)
  }

  /// What training changes.
  ///
  /// - Precondition: The network was made from parameters.
  package var parameters: Parameters {
    guard let trained else { preconditionFailure("RetNet.parameters: this network only runs") }
    return trained
  }

  /// Reads tokens: carries the state on and leaves the last norm of each token in `memory.normed`.
  ///
  /// - Parameters:
  ///   - ids: Token ids [B·T].
  ///   - batch: B.
  ///   - form: Which form of retention.
  ///   - state: Before and after; its position advances by T.
  ///   - positions: Where each sequence stands, T being 1; the state's position is then left alone. nil: all at that.
  ///   - documents: As in `recurrentRetention`; nil: one document, which goes on.
  ///   - memory: Made for at least B·T rows.
  ///   - observe: Sees of each layer the heads' outputs before and after the head norm [B·T, H·V], the latter without
  ///     the gate; both are valid during the call only. nil costs nothing.
  ///   - pool: Where the work runs.
  /// - Returns: [B·T, D], the input of the head; valid until the next call.
  package func forward(
    _ ids: Indices, batch: Int, form: RetentionForm, state: inout ModelState, positions: [Int]? = nil,
    documents: Indices? = nil, memory: InferenceMemory,
    observe: ((_ layer: Int, _ retained: Tensor, _ headNormed: Tensor) -> Void)? = nil,
    on pool: WorkerPool
  ) -> Tensor {
    let rows = ids.count
    precondition(rows % batch == 0, "forward: \(rows) ids for \(batch) sequences")
    let shape = configuration.retentionShape(batch: batch, time: rows / batch)
    let a = memory.activations.prefix(rows)
    if let positions {
      precondition(
        positions.count == batch && shape.time == 1, "forward: \(positions.count) positions for \(rows) rows")
      memory.retention.rotation.prepare(positions)
    } else {
      memory.retention.rotation.prepare(first: state.position, count: shape.time)
    }
    embed(a.input, embedded: memory.embedded?.prefix(rows), a.statistics, ids, on: pool)
    for (index, block) in blocks.enumerated() {
      block.forward(
        a.input, a, shape: shape, form: form, state: state.layers[index], documents: documents,
        memory: memory.retention, on: pool)
      if let observe {
        // The block is done with what it gated, so its memory is free.
        block.normalizeHeads(a.gated, a, gate: nil, on: pool)
        observe(index, a.retained, a.gated)
      }
    }
    if positions == nil { state.position += shape.time }
    let normed = memory.normed.prefix(rows)
    normalizeOutput(normed, a.statistics, a.input, on: pool)
    return normed
  }

  /// x = scale · table[ids], normed where the model has an embedding norm.
  ///
  /// - Parameters:
  ///   - x: [R, D].
  ///   - embedded: What the norm reads [R, D]; needed where there is one.
  ///   - statistics: What the norm finds.
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

  /// The norm before the head, or a copy where there is none.
  func normalizeOutput(_ y: Tensor, _ statistics: NormStatistics, _ x: Tensor, on pool: WorkerPool) {
    if let norm = weights.finalNorm {
      Norm(configuration, norm).forward(y, statistics, x, on: pool)
    } else {
      y.copy(x, on: pool)
    }
  }

  /// logits = normed · headᵀ + bias.
  ///
  /// - Parameters:
  ///   - logits: [R, N].
  ///   - normed: [R, D].
  ///   - pool: Where the work runs.
  package func computeLogits(_ logits: Tensor, _ normed: Tensor, on pool: WorkerPool) {
    head.forward(Matrix(logits), normed, on: pool)
  }
}

/// Memory to run a model without a backward: one block's activations, used by all blocks in turn.
package final class InferenceMemory {
  let activations: BlockActivations
  let retention: RetentionMemory
  /// What an embedding norm reads.
  let embedded: Tensor?
  let normed: Tensor

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - decay: Of the heads; nil: by the configuration's rule.
  ///   - form: The form that calls will use; recurrent calls are always possible.
  ///   - batch: Sequences of a call.
  ///   - time: The longest call's tokens in a sequence.
  ///   - workers: Threads of the pool.
  package init(
    _ configuration: ModelConfiguration, decay: Decay? = nil, form: RetentionForm, batch: Int, time: Int, workers: Int
  ) {
    MemoryRefusal.require(
      byteCount: Self.byteCount(configuration, form: form, batch: batch, time: time, workers: workers))
    let rows = batch * time
    let shape = configuration.retentionShape(batch: batch, time: time)
    var states: ChunkStates?
    if case .chunkwise(let chunkLength) = form {
      states = ChunkStates(shape, chunks: ChunkPlan(time: time, length: chunkLength).count)
    }
    let stream = Tensor(Shape(rows, configuration.width))
    activations = BlockActivations(configuration, rows: rows, input: stream, middle: stream, states: states)
    retention = RetentionMemory(
      configuration, decay: decay, form: form, batch: batch, time: time, workers: workers)
    embedded = configuration.hasEmbeddingNorm ? Tensor(Shape(rows, configuration.width)) : nil
    normed = Tensor(Shape(rows, configuration.width))
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(
    _ configuration: ModelConfiguration, form: RetentionForm, batch: Int, time: Int, workers: Int
  ) -> Double {
    let rows = batch * time
    var states = 0.0
    if case .chunkwise(let chunkLength) = form {
      let chunks = ChunkPlan(time: time, length: chunkLength).count
      states = ChunkStates.byteCount(configuration.retentionShape(batch: batch, time: time), chunks: chunks)
    }
    let streams = (configuration.hasEmbeddingNorm ? 3 : 2) * Tensor.byteCount(rows, configuration.width)
    return BlockActivations.byteCount(configuration, rows: rows) + states + streams
      + RetentionMemory.byteCount(configuration, form: form, batch: batch, time: time, workers: workers)
  }
}
