internal import Retention
internal import Tensors

/// The activations of linear attention, R = B·T rows, kept for the backward.
final class LinearAttentionActivations: MixerActivations {
  /// q, k, v side by side [R, P].
  let projected: ProjectedRows
  /// φ(q) and φ(k) side by side [R, (H+Hk)·K].
  let features: ProjectedRows
  /// The values of each head and a one [R, Hk·(K+1)].
  let values: Tensor
  /// Σ φ(q)·φ(k) v of each head, and Σ φ(q)·φ(k) [R, H·(K+1)].
  let sums: Tensor
  /// Their quotients [R, H·K].
  let attended: Tensor
  /// The states that enter the chunks; nil unless the form is chunkwise.
  let states: ChunkStates?

  init(_ attention: AttentionConfiguration, _ shape: CallShape) {
    projected = ProjectedRows(attention.columns, rows: shape.rows)
    features = ProjectedRows(attention.featureColumns, rows: shape.rows)
    values = Tensor(Shape(shape.rows, attention.keyWidth + attention.keyHeads))
    sums = Tensor(Shape(shape.rows, attention.queryWidth + attention.heads))
    attended = Tensor(Shape(shape.rows, attention.queryWidth))
    states = shape.form.chunkCount(time: shape.time).map { ChunkStates(attention.linearShape(shape), chunks: $0) }
  }

  private init(_ other: LinearAttentionActivations, rows: Int) {
    projected = other.projected.prefix(rows)
    features = other.features.prefix(rows)
    values = other.values.prefix(rows)
    sums = other.sums.prefix(rows)
    attended = other.attended.prefix(rows)
    states = other.states
  }

  func prefix(_ rows: Int) -> LinearAttentionActivations { LinearAttentionActivations(self, rows: rows) }
}

/// Intermediate gradients of linear attention.
final class LinearAttentionScratch: MixerScratch {
  let dprojected: ProjectedRows
  let dfeatures: ProjectedRows
  let dvalues: Tensor
  let dsums: Tensor
  let dattended: Tensor
  let dstates: ChunkStates?

  init(_ attention: AttentionConfiguration, _ shape: CallShape) {
    dprojected = ProjectedRows(attention.columns, rows: shape.rows)
    dfeatures = ProjectedRows(attention.featureColumns, rows: shape.rows)
    dvalues = Tensor(Shape(shape.rows, attention.keyWidth + attention.keyHeads))
    dsums = Tensor(Shape(shape.rows, attention.queryWidth + attention.heads))
    dattended = Tensor(Shape(shape.rows, attention.queryWidth))
    dstates = shape.form.chunkCount(time: shape.time).map { ChunkStates(attention.linearShape(shape), chunks: $0) }
  }
}

/// What all layers of linear attention share in a call: powers of 1, and scratch.
final class LinearAttentionMemory: MixerMemory {
  private let form: RetentionForm
  private let table: DecayTable
  private let chunks: ChunkScratch?
  private let rows: ParallelScratch?

  init(_ attention: AttentionConfiguration, _ plan: MixerMemoryPlan) {
    let shape = attention.linearShape(plan.shape)
    let decay = Decay(.none, heads: attention.heads)
    form = plan.shape.form
    table = DecayTable(decay, length: Self.powers(plan.shape))
    chunks = Self.chunkLength(plan.shape).map { ChunkScratch(shape, chunkLength: $0, workers: plan.workers) }
    rows = form == .parallel ? ParallelScratch(shape, workers: plan.workers) : nil
  }

  /// Bytes of what `init` allocates.
  static func byteCount(_ attention: AttentionConfiguration, _ plan: MixerMemoryPlan) -> Double {
    let shape = attention.linearShape(plan.shape)
    return DecayTable.byteCount(heads: attention.heads, length: powers(plan.shape))
      + (chunkLength(plan.shape).map { ChunkScratch.byteCount(shape, chunkLength: $0, workers: plan.workers) } ?? 0)
      + (plan.shape.form == .parallel ? ParallelScratch.byteCount(shape, workers: plan.workers) : 0)
  }

  /// nil unless the form is chunkwise.
  private static func chunkLength(_ shape: CallShape) -> Int? {
    guard case .chunkwise(let length) = shape.form else { return nil }
    return ChunkPlan(time: shape.time, length: length).length
  }

  private static func powers(_ shape: CallShape) -> Int {
    switch shape.form {
    case .recurrent: 1
    case .parallel: max(1, shape.time)
    case .chunkwise: chunkLength(shape) ?? 1
    }
  }

  func prepare(first position: Int, count: Int) {}

  func prepare(_ positions: [Int]) {}

  /// Computes the sums of weighted values and of weights.
  func retain(
    _ a: LinearAttentionActivations, _ shape: RetentionShape, _ call: LayerCall, state: RetentionState,
    on pool: WorkerPool
  ) {
    let outer = pool.charge(.retention)
    defer { pool.charge(outer) }
    let (o, q, k, v) = (Matrix(a.sums), a.features.q, a.features.k, Matrix(a.values))
    switch call.shape.form {
    case .recurrent:
      recurrentRetention(
        o, q, k, v, shape: shape, table: table, state: state, documentStarts: call.documentStarts, on: pool)
    case .parallel:
      guard let rows else { preconditionFailure("retain: memory made for \(form)") }
      parallelRetention(
        o, q, k, v, shape: shape, table: table, state: state, documentStarts: call.documentStarts, scratch: rows,
        on: pool)
    case .chunkwise(let length):
      guard let chunks, let states = a.states else { preconditionFailure("retain: memory made for \(form)") }
      chunkwiseRetention(
        o, q, k, v, shape: shape, chunkLength: length, table: table, state: state,
        documentStarts: call.documentStarts, states: states, scratch: chunks, precision: call.precision, on: pool)
    }
  }

  /// The backward of `retain`; the parallel form requires an empty state before the call.
  func retainBackward(
    _ scratch: LinearAttentionScratch, _ a: LinearAttentionActivations, _ shape: RetentionShape, _ call: LayerCall,
    on pool: WorkerPool
  ) {
    let outer = pool.charge(.retention)
    defer { pool.charge(outer) }
    let (d_o, q, k, v) = (Matrix(scratch.dsums), a.features.q, a.features.k, Matrix(a.values))
    let (dq, dk, dv) = (scratch.dfeatures.q, scratch.dfeatures.k, Matrix(scratch.dvalues))
    switch form {
    case .chunkwise(let length):
      guard let chunks, let states = a.states, let dstates = scratch.dstates else {
        preconditionFailure("retainBackward: no states")
      }
      chunkwiseRetentionBackward(
        dq: dq, dk: dk, dv: dv, d_o, q, k, v, shape: shape, chunkLength: length, table: table,
        documentStarts: call.documentStarts, states: states, dstates: dstates, scratch: chunks,
        precision: call.precision, on: pool)
    case .parallel:
      guard let rows else { preconditionFailure("retainBackward: no scratch") }
      parallelRetentionBackward(
        dq: dq, dk: dk, dv: dv, d_o, q, k, v, shape: shape, table: table, state: nil,
        documentStarts: call.documentStarts, scratch: rows, on: pool)
    case .recurrent: preconditionFailure("retainBackward: the recurrent form has its backward in the tests only")
    }
  }
}

extension AttentionConfiguration {
  /// The columns of φ(q) and φ(k); no values.
  var featureColumns: ProjectionColumns { ProjectionColumns(queries: queryWidth, keys: keyWidth, values: 0) }

  /// The extents of linear attention as retention.
  func linearShape(_ shape: CallShape) -> RetentionShape {
    RetentionShape(
      batch: shape.batch, time: shape.time, heads: heads, keyHeads: keyHeads, keyWidth: headWidth,
      valueWidth: headWidth + 1)
  }
}

extension LinearAttentionMixer {
  static func makeActivations(_ c: ModelConfiguration, _ shape: CallShape) -> LinearAttentionActivations {
    LinearAttentionActivations(c.attention, shape)
  }

  static func activationByteCount(_ c: ModelConfiguration, _ shape: CallShape) -> Double {
    let a = c.attention
    let numbers =
      a.columns.count + a.featureColumns.count + a.keyWidth + a.keyHeads + 2 * a.queryWidth + a.heads
    return Tensor.byteCount(shape.rows, numbers)
      + (shape.form.chunkCount(time: shape.time).map { ChunkStates.byteCount(a.linearShape(shape), chunks: $0) } ?? 0)
  }

  static func makeScratch(_ c: ModelConfiguration, _ shape: CallShape) -> LinearAttentionScratch {
    LinearAttentionScratch(c.attention, shape)
  }

  /// There is a gradient of each activation.
  static func scratchByteCount(_ c: ModelConfiguration, _ shape: CallShape) -> Double {
    activationByteCount(c, shape)
  }

  static func widestSum(_ c: ModelConfiguration) -> Int { c.attention.columns.count }

  static func makeMemory(_ c: ModelConfiguration, _ plan: MixerMemoryPlan) -> LinearAttentionMemory {
    LinearAttentionMemory(c.attention, plan)
  }

  static func memoryByteCount(_ c: ModelConfiguration, _ plan: MixerMemoryPlan) -> Double {
    LinearAttentionMemory.byteCount(c.attention, plan)
  }

  static func makeState(_ c: ModelConfiguration, batch: Int) -> RetentionLayerState {
    RetentionLayerState(c.attention.linearShape(CallShape(batch: batch, time: 1, form: .recurrent)), hasScores: false)
  }

  static func stateByteCount(_ c: ModelConfiguration, batch: Int, position: Int) -> Double {
    RetentionLayerState.byteCount(
      c.attention.linearShape(CallShape(batch: batch, time: 1, form: .recurrent)), hasScores: false)
  }

  static func stateShape(_ c: ModelConfiguration) -> MixerStateShape? {
    MixerStateShape(
      heads: c.attention.heads, keyWidth: c.attention.headWidth, valueWidth: c.attention.headWidth + 1,
      hasScores: false)
  }
}
