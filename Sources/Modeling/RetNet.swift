internal import Retention
package import Tensors

/// A Retentive Network: token ids in, logits out.
package struct RetNet: Sendable {
  package let configuration: ModelConfiguration
  package let parameters: Parameters
  let blocks: [Block]

  /// - Precondition: The configuration is resolved, and the parameters were laid out for it.
  package init(_ configuration: ModelConfiguration, _ parameters: Parameters) {
    self.configuration = configuration
    self.parameters = parameters
    blocks = parameters.layers.map { Block(configuration: configuration, weights: $0) }
  }

  /// Reads tokens: carries the state on and leaves the last norm of each token in `memory.normed`.
  ///
  /// - Parameters:
  ///   - ids: Token ids [B·T].
  ///   - batch: B.
  ///   - form: Which form of retention.
  ///   - state: Before and after; its position advances by T.
  ///   - memory: Made for at least B·T rows.
  ///   - pool: Where the work runs.
  /// - Returns: [B·T, D], the input of the head; valid until the next call.
  package func forward(
    _ ids: Indices, batch: Int, form: RetentionForm, state: inout ModelState, memory: InferenceMemory,
    on pool: WorkerPool
  ) -> Tensor {
    let rows = ids.count
    precondition(rows % batch == 0, "forward: \(rows) ids for \(batch) sequences")
    let shape = configuration.retentionShape(batch: batch, time: rows / batch)
    let a = memory.activations.prefix(rows)
    memory.retention.rotation.prepare(first: state.position, count: shape.time)
    gatherRows(a.input, parameters.embedding, ids)
    for (block, layer) in zip(blocks, state.layers) {
      block.forward(
        a.input, a, shape: shape, form: form, state: layer, documents: nil, memory: memory.retention, on: pool)
    }
    state.position += shape.time
    let normed = memory.normed.prefix(rows)
    rmsNorm(
      normed, inverse: a.inverse, a.input, weight: parameters.finalNorm, epsilon: Float(configuration.normEpsilon),
      on: pool)
    return normed
  }

  /// logits = normed · headᵀ (docs/MATH.md, eq. 19).
  ///
  /// - Parameters:
  ///   - logits: [R, N].
  ///   - normed: [R, D].
  ///   - pool: Where the work runs.
  package func computeLogits(_ logits: Tensor, _ normed: Tensor, on pool: WorkerPool) {
    multiply(Matrix(logits), Matrix(normed), Matrix(parameters.head), transposed: .second, on: pool)
  }
}

/// Memory to run a model without a backward: one block's activations, used by all blocks in turn.
package final class InferenceMemory {
  let activations: BlockActivations
  let retention: RetentionMemory
  let normed: Tensor

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - form: The form that calls will use; recurrent calls are always possible.
  ///   - batch: Sequences of a call.
  ///   - time: The longest call's tokens in a sequence.
  ///   - workers: Threads of the pool.
  package init(_ configuration: ModelConfiguration, form: RetentionForm, batch: Int, time: Int, workers: Int) {
    let rows = batch * time
    let shape = configuration.retentionShape(batch: batch, time: time)
    var states: ChunkStates?
    if case .chunkwise(let chunkLength) = form {
      states = ChunkStates(shape, chunks: ChunkPlan(time: time, length: chunkLength).count)
    }
    let stream = Tensor(Shape(rows, configuration.width))
    activations = BlockActivations(configuration, rows: rows, input: stream, middle: stream, states: states)
    retention = RetentionMemory(configuration, form: form, batch: batch, time: time, workers: workers)
    normed = Tensor(Shape(rows, configuration.width))
  }
}
