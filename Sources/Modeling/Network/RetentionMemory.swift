internal import Retention
internal import Tensors

/// Which of the three forms computes retention. They give the same numbers up to rounding.
package enum RetentionForm: Sendable, Equatable {
  case parallel
  case recurrent
  case chunkwise(chunkLength: Int)
}

/// What the forms need besides their operands: decay powers, angles and scratch, made once for a longest call.
final class RetentionMemory {
  let form: RetentionForm
  let table: DecayTable
  let rotation: RotationTable
  private let chunks: ChunkScratch?
  private let rows: ParallelScratch?
  private let sums: ScoreSums?
  /// Where documents start from a state.
  let initialTerm: InitialStateTerm?

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - decay: Of the heads; nil: by the configuration's rule.
  ///   - form: The form that calls will use; recurrent calls are always possible.
  ///   - batch: Sequences of a call.
  ///   - time: The longest call's tokens in a sequence.
  ///   - hasInitialState: Whether documents start from a state.
  ///   - workers: Threads of the pool.
  init(
    _ configuration: ModelConfiguration, decay: Decay? = nil, form: RetentionForm, batch: Int, time: Int,
    hasInitialState: Bool = false, workers: Int
  ) {
    let shape = configuration.retentionShape(batch: batch, time: time)
    let decay = decay ?? Decay(configuration.decay, heads: configuration.heads)
    self.form = form
    let frequencies = configuration.rotationFrequencies.values(
      keyWidth: shape.keyWidth, base: configuration.rotationBase)
    initialTerm =
      hasInitialState
      ? InitialStateTerm(shape, decay: decay, frequencies: frequencies, layout: configuration.rotationLayout) : nil
    rotation = RotationTable(
      frequencies: frequencies, layout: configuration.rotationLayout,
      capacity: form == .recurrent ? max(time, batch) : time)
    switch form {
    case .parallel:
      table = DecayTable(decay, length: max(1, time))
      chunks = nil
      rows = ParallelScratch(shape, workers: workers)
    case .recurrent:
      table = DecayTable(decay, length: 1)
      chunks = nil
      rows = nil
    case .chunkwise(let chunkLength):
      let length = ChunkPlan(time: time, length: chunkLength).length
      table = DecayTable(decay, length: length)
      chunks = ChunkScratch(shape, chunkLength: length, workers: workers)
      rows = nil
    }
    sums = configuration.scoreNorm == .none ? nil : ScoreSums(configuration, form: form, shape: shape, workers: workers)
  }

  /// Bytes of what `init` allocates.
  static func byteCount(
    _ configuration: ModelConfiguration, form: RetentionForm, batch: Int, time: Int, hasInitialState: Bool = false,
    workers: Int
  ) -> Double {
    let shape = configuration.retentionShape(batch: batch, time: time)
    let initial = hasInitialState ? InitialStateTerm.byteCount(shape) : 0
    let sums = configuration.scoreNorm == .none ? 0 : ScoreSums.byteCount(form: form, shape: shape)
    let rotation = RotationTable.byteCount(
      keyWidth: shape.keyWidth, capacity: form == .recurrent ? max(time, batch) : time)
    let scratch: Double
    switch form {
    case .parallel:
      scratch =
        DecayTable.byteCount(heads: shape.heads, length: max(1, time))
        + ParallelScratch.byteCount(shape, workers: workers)
    case .recurrent: scratch = DecayTable.byteCount(heads: shape.heads, length: 1)
    case .chunkwise(let chunkLength):
      let length = ChunkPlan(time: time, length: chunkLength).length
      scratch =
        DecayTable.byteCount(heads: shape.heads, length: length)
        + ChunkScratch.byteCount(shape, chunkLength: length, workers: workers)
    }
    return sums + rotation + scratch + initial
  }

  /// Retains, and divides by the score norm where there is one.
  ///
  /// - Parameters:
  ///   - a: Holds q, k, v; receives the heads' outputs and the factors of the score norm.
  ///   - configuration: Of the model.
  ///   - shape: Extents of this call.
  ///   - form: The memory's, or recurrent.
  ///   - state: Before and after.
  ///   - documents: As in `recurrentRetention`.
  ///   - initial: What each document starts from; nil: nothing.
  ///   - precision: Of the products in the chunkwise form.
  ///   - pool: Where the work runs.
  func retain(
    _ a: BlockActivations, _ configuration: ModelConfiguration, shape: RetentionShape, form: RetentionForm,
    state: LayerState, documents: Indices?, initial: LayerInitialState?, precision: ProductPrecision,
    on pool: WorkerPool
  ) {
    let outer = pool.charge(.retention)
    defer { pool.charge(outer) }
    let (columns, projected) = (ProjectionColumns(configuration), Matrix(a.projected))
    let (q, k, v) = (projected.columns(columns.q), projected.columns(columns.k), projected.columns(columns.v))
    let output = Matrix(a.retained)
    let norm = configuration.scoreNorm
    let absoluteSums = form == .parallel && norm == .sumOfAbs ? sums?.sums(shape) : nil
    compute(
      output, q, k, v, shape: shape, form: form, state: state.retention, documents: documents, states: a.states,
      absoluteSums: absoluteSums, precision: precision, on: pool)
    if let initial { initialTerm?.add(to: output, q, initial: initial.values, precision: precision, on: pool) }
    guard let sums, let factors = a.scoreFactors, let scores = state.scores else { return }
    var scoreSums = absoluteSums
    if norm == .absOfSum {
      // Σ_m R[n, m]: the retention of ones, by the same form.
      let rows = sums.sums(shape)
      compute(
        Matrix(rows), q, k, sums.ones(shape), shape: shape.withUnitValues, form: form, state: scores.keySums,
        documents: documents, states: sums.states, precision: .float32, on: pool)
      scoreSums = rows
    }
    scoreNormFactors(
      factors, norm: norm, shape: shape, decay: table.decay, state: scores, documents: documents, scoreSums: scoreSums)
    scaleRows(a.retained.view(Shape(factors.count, shape.valueWidth)), by: factors, on: pool)
  }

  /// Retention by one of the forms, with the operands of `recurrentRetention`.
  ///
  /// The chunkwise form needs `states` for values of this width; the parallel form fills `absoluteSums`, if there are.
  private func compute(
    _ o: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix, shape: RetentionShape, form: RetentionForm,
    state: RetentionState, documents: Indices?, states: ChunkStates?, absoluteSums: Tensor? = nil,
    precision: ProductPrecision, on pool: WorkerPool
  ) {
    switch form {
    case .recurrent:
      recurrentRetention(o, q, k, v, shape: shape, table: table, state: state, documents: documents, on: pool)
    case .parallel:
      guard let rows else { preconditionFailure("retain: memory made for \(self.form)") }
      parallelRetention(
        o, q, k, v, shape: shape, table: table, state: state, documents: documents, absoluteSums: absoluteSums,
        scratch: rows, on: pool)
    case .chunkwise(let chunkLength):
      guard let chunks, let states else { preconditionFailure("retain: memory made for \(self.form)") }
      chunkwiseRetention(
        o, q, k, v, shape: shape, chunkLength: chunkLength, table: table, state: state, documents: documents,
        states: states, scratch: chunks, precision: precision, on: pool)
    }
  }

  /// The backward of `retain` from an empty state: the score norm counts as a constant, as in the programs it is from.
  ///
  /// - Parameters:
  ///   - dprojected: Receives the gradients of q, k, v.
  ///   - d_o: Gradient of the heads' outputs, overwritten.
  ///   - a: As the forward left it.
  ///   - configuration: Of the model.
  ///   - shape: Extents.
  ///   - documents: As in the forward.
  ///   - initial: As in the forward; its gradient is added to.
  ///   - dstates: Scratch for the chunkwise form.
  ///   - precision: As in the forward.
  ///   - pool: Where the work runs.
  func retainBackward(
    _ dprojected: Tensor, _ d_o: Tensor, _ a: BlockActivations, _ configuration: ModelConfiguration,
    shape: RetentionShape, documents: Indices?, initial: LayerInitialState?, dstates: ChunkStates?,
    precision: ProductPrecision, on pool: WorkerPool
  ) {
    let outer = pool.charge(.retention)
    defer { pool.charge(outer) }
    let columns = ProjectionColumns(configuration)
    let (projected, gradient) = (Matrix(a.projected), Matrix(dprojected))
    let (q, k, v) = (projected.columns(columns.q), projected.columns(columns.k), projected.columns(columns.v))
    let (dq, dk, dv) = (gradient.columns(columns.q), gradient.columns(columns.k), gradient.columns(columns.v))
    if let factors = a.scoreFactors {
      scaleRows(d_o.view(Shape(factors.count, shape.valueWidth)), by: factors, on: pool)
    }
    switch form {
    case .chunkwise(let chunkLength):
      guard let chunks, let states = a.states, let dstates else { preconditionFailure("retainBackward: no states") }
      chunkwiseRetentionBackward(
        dq: dq, dk: dk, dv: dv, Matrix(d_o), q, k, v, shape: shape, chunkLength: chunkLength, table: table,
        documents: documents, states: states, dstates: dstates, scratch: chunks, precision: precision, on: pool)
    case .parallel:
      guard let rows else { preconditionFailure("retainBackward: no scratch") }
      parallelRetentionBackward(
        dq: dq, dk: dk, dv: dv, Matrix(d_o), q, k, v, shape: shape, table: table, state: nil, documents: documents,
        scratch: rows, on: pool)
    case .recurrent: preconditionFailure("retainBackward: the recurrent form has its backward in the tests only")
    }
    guard let initial else { return }
    initialTerm?.addGradient(
      dq: dq, dinitial: initial.gradients, Matrix(d_o), q, initial: initial.values, precision: precision, on: pool)
  }
}

/// Memory to sum the scores of each row.
private struct ScoreSums {
  private let sumRows: Tensor
  private let oneRows: Tensor
  let states: ChunkStates?

  init(_ configuration: ModelConfiguration, form: RetentionForm, shape: RetentionShape, workers: Int) {
    let rows = shape.batch * shape.time
    sumRows = Tensor(Shape(rows, shape.heads))
    oneRows = Tensor(Shape(rows, shape.keyHeads))
    oneRows.fill(1)
    if case .chunkwise(let chunkLength) = form {
      states = ChunkStates(shape.withUnitValues, chunks: ChunkPlan(time: shape.time, length: chunkLength).count)
    } else {
      states = nil
    }
  }

  static func byteCount(form: RetentionForm, shape: RetentionShape) -> Double {
    let rows = Tensor.byteCount(shape.batch, shape.time, shape.heads + shape.keyHeads)
    guard case .chunkwise(let chunkLength) = form else { return rows }
    let chunks = ChunkPlan(time: shape.time, length: chunkLength).count
    return rows + ChunkStates.byteCount(shape.withUnitValues, chunks: chunks)
  }

  func sums(_ shape: RetentionShape) -> Tensor { sumRows.prefix(shape.batch * shape.time) }

  func ones(_ shape: RetentionShape) -> Matrix { Matrix(oneRows.prefix(shape.batch * shape.time)) }
}
