internal import Retention
internal import Tensors

/// Retention in the form of a call, and its backward.
extension RetentionMemory {
  /// Computes retention, and divides its output by the score norm, if the model has one.
  ///
  /// - Parameters:
  ///   - a: Contains q, k, v; receives the heads' outputs and the factors of the score norm.
  ///   - configuration: Resolved.
  ///   - call: Extents, form, documents, precision.
  ///   - state: The recurrent state before the call, replaced by that after it.
  ///   - initial: The state that each document starts from; nil: zero.
  ///   - pool: Where the work runs.
  func retain(
    _ a: RetentionActivations, _ configuration: ModelConfiguration, _ call: LayerCall, state: RetentionLayerState,
    initial: MixerInitialState?, on pool: WorkerPool
  ) {
    let outer = pool.charge(.retention)
    defer { pool.charge(outer) }
    let (norm, form, documentStarts) = (configuration.scoreNorm, call.shape.form, call.documentStarts)
    let shape = configuration.retentionShape(call.shape)
    let (q, k, v) = (a.projected.q, a.projected.k, a.projected.v)
    let output = Matrix(a.retained)
    let absoluteSums = form == .parallel && norm == .sumOfAbs ? sums?.sums(shape) : nil
    compute(
      output, q, k, v, shape: shape, form: form, state: state.retention, documentStarts: documentStarts,
      states: a.states,
      absoluteSums: absoluteSums, precision: call.precision, on: pool)
    defer { moveOrigin(of: state, by: shape.time, on: pool) }
    if let initial { initialTerm?.add(to: output, q, initial: initial.values, precision: call.precision, on: pool) }
    guard let sums, let factors = a.scoreFactors, let scores = state.scores else { return }
    var scoreSums = absoluteSums
    if norm == .absOfSum {
      // Σ_m R[n, m] is the retention of ones, computed by the same form.
      let rows = sums.sums(shape)
      compute(
        Matrix(rows), q, k, sums.ones(shape), shape: shape.withUnitValues, form: form, state: scores.keySums,
        documentStarts: documentStarts, states: sums.states, precision: .float32, on: pool)
      scoreSums = rows
    }
    scoreNormFactors(
      factors, norm: norm, shape: shape, decay: table.decay, state: scores, documentStarts: documentStarts,
      scoreSums: scoreSums)
    scaleRows(a.retained.view(Shape(factors.count, shape.valueWidth)), by: factors, on: pool)
  }

  /// Makes a state count from the position after the call; does nothing without xPos.
  private func moveOrigin(of state: RetentionLayerState, by tokens: Int, on pool: WorkerPool) {
    guard let xposDecay else { return }
    xposDecay.moveOrigin(of: state.retention, by: tokens, on: pool)
    if let scores = state.scores { xposDecay.moveOrigin(of: scores.keySums, by: tokens, on: pool) }
  }

  /// Retention in one of the forms, with the operands of `recurrentRetention`.
  ///
  /// The chunkwise form needs `states` for values of this width. The parallel form fills `absoluteSums`, if given.
  private func compute(
    _ o: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix, shape: RetentionShape, form: RetentionForm,
    state: RetentionState, documentStarts: Indices?, states: ChunkStates?, absoluteSums: Tensor? = nil,
    precision: ProductPrecision, on pool: WorkerPool
  ) {
    switch form {
    case .recurrent:
      recurrentRetention(o, q, k, v, shape: shape, table: table, state: state, documentStarts: documentStarts, on: pool)
    case .parallel:
      guard let rows else { preconditionFailure("retain: memory made for \(self.form)") }
      parallelRetention(
        o, q, k, v, shape: shape, table: table, state: state, documentStarts: documentStarts,
        absoluteSums: absoluteSums,
        scratch: rows, on: pool)
    case .chunkwise(let chunkLength):
      guard let chunks, let states else { preconditionFailure("retain: memory made for \(self.form)") }
      chunkwiseRetention(
        o, q, k, v, shape: shape, chunkLength: chunkLength, table: table, state: state, documentStarts: documentStarts,
        states: states, scratch: chunks, precision: precision, on: pool)
    }
  }

  /// The backward of `retain`. The score norm counts as a constant, as in the programs that it comes from.
  ///
  /// The state before the call is a constant too. The parallel form requires it to be empty; the recurrent form has a
  /// backward in the tests only.
  ///
  /// - Parameters:
  ///   - scratch: Contains the gradient of the heads' outputs, overwritten; receives those of q, k, v.
  ///   - a: As the forward wrote it.
  ///   - configuration: Resolved.
  ///   - call: As in the forward.
  ///   - initial: As in the forward; its gradient is added to.
  ///   - pool: Where the work runs.
  func retainBackward(
    _ scratch: RetentionScratch, _ a: RetentionActivations, _ configuration: ModelConfiguration, _ call: LayerCall,
    initial: MixerInitialState?, on pool: WorkerPool
  ) {
    let outer = pool.charge(.retention)
    defer { pool.charge(outer) }
    let (documentStarts, precision, d_o) = (call.documentStarts, call.precision, scratch.dretained)
    let shape = configuration.retentionShape(call.shape)
    let (q, k, v) = (a.projected.q, a.projected.k, a.projected.v)
    let (dq, dk, dv) = (scratch.dprojected.q, scratch.dprojected.k, scratch.dprojected.v)
    if let factors = a.scoreFactors {
      scaleRows(d_o.view(Shape(factors.count, shape.valueWidth)), by: factors, on: pool)
    }
    switch form {
    case .chunkwise(let chunkLength):
      guard let chunks, let states = a.states, let dstates = scratch.dstates else {
        preconditionFailure("retainBackward: no states")
      }
      chunkwiseRetentionBackward(
        dq: dq, dk: dk, dv: dv, Matrix(d_o), q, k, v, shape: shape, chunkLength: chunkLength, table: table,
        documentStarts: documentStarts, states: states, dstates: dstates, scratch: chunks, precision: precision,
        on: pool)
    case .parallel:
      guard let rows else { preconditionFailure("retainBackward: no scratch") }
      parallelRetentionBackward(
        dq: dq, dk: dk, dv: dv, Matrix(d_o), q, k, v, shape: shape, table: table, state: nil,
        documentStarts: documentStarts,
        scratch: rows, on: pool)
    case .recurrent: preconditionFailure("retainBackward: the recurrent form has its backward in the tests only")
    }
    guard let initial else { return }
    initialTerm?.addGradient(
      dq: dq, dinitial: initial.gradients, Matrix(d_o), q, initial: initial.values, precision: precision, on: pool)
  }
}
