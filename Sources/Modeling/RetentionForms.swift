internal import Retention
internal import Tensors

/// Which of the three forms computes retention. They give the same numbers up to rounding.
package enum RetentionForm: Sendable, Equatable {
  case parallel
  case recurrent
  case chunkwise(chunkLength: Int)
}

/// What the forms need besides their operands: decay powers, angles and scratch, made once for a longest call.
package final class RetentionMemory {
  let table: DecayTable
  let rotation: RotationTable
  private let chunkScratch: ChunkScratch?
  private let parallelScratch: ParallelScratch?
  let form: RetentionForm

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - form: The form that calls will use; recurrent calls are always possible.
  ///   - batch: Sequences of a call.
  ///   - time: The longest call's tokens in a sequence.
  ///   - workers: Threads of the pool.
  package init(_ configuration: ModelConfiguration, form: RetentionForm, batch: Int, time: Int, workers: Int) {
    let shape = configuration.retentionShape(batch: batch, time: time)
    let decay = Decay(configuration.decay, heads: configuration.heads)
    self.form = form
    rotation = RotationTable(
      frequencies: configuration.rotationFrequencies.values(keyWidth: shape.keyWidth, base: configuration.rotationBase),
      layout: configuration.rotationLayout, capacity: time)
    switch form {
    case .parallel:
      table = DecayTable(decay, length: time)
      chunkScratch = nil
      parallelScratch = ParallelScratch(shape, workers: workers)
    case .recurrent:
      table = DecayTable(decay, length: 1)
      chunkScratch = nil
      parallelScratch = nil
    case .chunkwise(let chunkLength):
      let length = ChunkPlan(time: time, length: chunkLength).length
      table = DecayTable(decay, length: length)
      chunkScratch = ChunkScratch(shape, chunkLength: length, workers: workers)
      parallelScratch = nil
    }
  }

  /// Retains with the memory's form, or token by token where `form` asks for it.
  ///
  /// - Parameters: As in `chunkwiseRetention`; `states` is needed by the chunkwise form.
  func retain(
    _ o: Tensor, _ q: Matrix, _ k: Matrix, _ v: Matrix, shape: RetentionShape, form: RetentionForm,
    state: RetentionState, documents: Indices?, states: ChunkStates?, on pool: WorkerPool
  ) {
    switch form {
    case .recurrent:
      recurrentRetention(
        Matrix(o), q, k, v, shape: shape, table: table, state: state, documents: documents, on: pool)
    case .parallel:
      guard let parallelScratch else { preconditionFailure("retain: memory made for \(self.form)") }
      parallelRetention(
        Matrix(o), q, k, v, shape: shape, table: table, state: state, documents: documents, scratch: parallelScratch,
        on: pool)
    case .chunkwise(let chunkLength):
      guard let chunkScratch, let states else { preconditionFailure("retain: memory made for \(self.form)") }
      chunkwiseRetention(
        Matrix(o), q, k, v, shape: shape, chunkLength: chunkLength, table: table, state: state, documents: documents,
        states: states, scratch: chunkScratch, on: pool)
    }
  }

  /// The backward of the chunkwise form.
  ///
  /// - Parameters: As in `chunkwiseRetentionBackward`.
  func retainBackward(
    dq: Matrix, dk: Matrix, dv: Matrix, _ d_o: Tensor, _ q: Matrix, _ k: Matrix, _ v: Matrix, shape: RetentionShape,
    documents: Indices?, states: ChunkStates?, dstates: ChunkStates, on pool: WorkerPool
  ) {
    guard case .chunkwise(let chunkLength) = form, let chunkScratch, let states else {
      preconditionFailure("retainBackward: memory made for \(form)")
    }
    chunkwiseRetentionBackward(
      dq: dq, dk: dk, dv: dv, Matrix(d_o), q, k, v, shape: shape, chunkLength: chunkLength, table: table,
      documents: documents, states: states, dstates: dstates, scratch: chunkScratch, on: pool)
  }
}
