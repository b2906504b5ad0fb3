internal import Retention
internal import Tensors

/// What all layers of attention share in a call: angles, tiles of scores, and what each query sees.
final class AttentionMemory: MixerMemory {
  let rotation: RotationTable
  private let views: AttentionViews

  /// Queries of a tile. More waste less of what is packed, and compute more scores that no query sees.
  static let queryRows = 64
  /// Keys of a tile.
  static let keyRows = 256

  init(_ attention: AttentionConfiguration, _ plan: MixerMemoryPlan) {
    let shape = plan.shape
    rotation = RotationTable(attention.rotation, capacity: Self.positions(shape))
    let tile = Shape(plan.workers, Self.queryRows, Self.keyRows)
    let row = Shape(plan.workers, Self.queryRows)
    views = AttentionViews(
      scores: Tensor(tile), secondScores: Tensor(tile),
      widened: Tensor(Shape(plan.workers, 2 * Self.keyRows, attention.headWidth)), most: Tensor(row),
      totals: Tensor(row), first: Indices(count: shape.rows))
  }

  /// Bytes of what `init` allocates.
  static func byteCount(_ attention: AttentionConfiguration, _ plan: MixerMemoryPlan) -> Double {
    RotationTable.byteCount(attention.rotation, capacity: positions(plan.shape))
      + Tensor.byteCount(plan.workers, 2 * queryRows * keyRows + 2 * keyRows * attention.headWidth + 2 * queryRows)
      + Indices.byteCount(plan.shape.rows)
  }

  private static func positions(_ shape: CallShape) -> Int {
    shape.form == .recurrent ? max(shape.time, shape.batch) : shape.time
  }

  func prepare(first position: Int, count: Int) { rotation.prepare(first: position, count: count) }

  func prepare(_ positions: [Int]) { rotation.prepare(positions) }

  // MARK: - Forward

  /// Computes the heads' outputs from the projections.
  ///
  /// - Parameters:
  ///   - a: Contains q, k, v; receives the heads' outputs, and what the backward reads.
  ///   - attention: Resolved.
  ///   - call: Extents, form, documents, precision.
  ///   - state: The keys and values of the tokens before the call, and after it those of the call too; left alone by a
  ///     call that needs no state behind it.
  ///   - pool: Where the work runs.
  func attend(
    _ a: AttentionActivations, _ attention: AttentionConfiguration, _ call: LayerCall, state: AttentionState,
    on pool: WorkerPool
  ) {
    let (B, T) = (call.shape.batch, call.shape.time)
    let (k, v) = (a.projected.k, a.projected.v)
    var keys: [KeySource] = []
    for b in 0..<B {
      let rows = b * T..<(b + 1) * T
      guard call.keepsState else { keys.append(KeySource(a, rows)); continue }
      let cache = state.caches[b]
      let (first, before) = (cache.first, cache.count)
      cache.append(k.rows(rows), v.rows(rows), window: attention.window)
      keys.append(KeySource(cache.rows, start: cache.start, first: first, before: before))
      if let start = call.documentStarts?[rows.upperBound - 1], start >= 0 {
        cache.startDocument(at: keys[b].before + Int(start))
      }
    }
    fillFirst(attention, call, keys)
    // Keys and values of a halved cache are bfloat16 already; where the CPU has such products, they are faster.
    let isHalved = call.keepsState && attention.cacheFormat == .bfloat16 && !pool.usesPortableKernels
    let task = AttentionTask(
      attention: attention, shape: call.shape, keys: keys, memory: views,
      precision: isHalved ? .bfloat16 : call.precision, on: pool)
    if call.shape.form == .recurrent, call.keepsState {
      pool.run(B * T * attention.keyHeads, with: (task, a.projected.q, Matrix(a.attended))) { context, index, _ in
        let (task, q, o) = context
        task.decode(o, q, row: index / task.attention.keyHeads, keyHead: index % task.attention.keyHeads)
      }
    } else {
      pool.run(
        B * attention.heads * task.blocks, with: (task, a.projected.q, Matrix(a.attended), Matrix(a.logSums))
      ) { context, index, worker in
        let (task, q, o, logSums) = context
        task.forward(o, logSums: logSums, q, block: index, worker: worker)
      }
    }
  }

  /// The backward of `attend`, for a call that started from nothing.
  ///
  /// - Parameters:
  ///   - scratch: Contains the gradient of the heads' outputs; receives those of q, k, v.
  ///   - a: As the forward wrote it.
  ///   - attention: Resolved.
  ///   - call: As in the forward.
  ///   - pool: Where the work runs.
  func attendBackward(
    _ scratch: AttentionScratch, _ a: AttentionActivations, _ attention: AttentionConfiguration, _ call: LayerCall,
    on pool: WorkerPool
  ) {
    precondition(!call.keepsState, "attendBackward: attention has no backward from a carried state")
    let (B, T) = (call.shape.batch, call.shape.time)
    let keys = (0..<B).map { KeySource(a, $0 * T..<($0 + 1) * T) }
    fillFirst(attention, call, keys)
    headDots(scratch.dots, scratch.dattended, a.attended, on: pool)
    let task = AttentionTask(
      attention: attention, shape: call.shape, keys: keys, memory: views, precision: call.precision, on: pool)
    pool.run(B * attention.keyHeads, with: (task, a, scratch)) { context, index, worker in
      let (task, a, scratch) = context
      task.backward(scratch, a, b: index / task.attention.keyHeads, keyHead: index % task.attention.keyHeads, worker)
    }
  }

  /// The first key of each query: that of its document, of the window, or the first one.
  private func fillFirst(_ attention: AttentionConfiguration, _ call: LayerCall, _ keys: [KeySource]) {
    let T = call.shape.time
    for (b, source) in keys.enumerated() {
      for t in 0..<T {
        var key = source.first
        if let start = call.documentStarts?[b * T + t], start >= 0 { key = source.before + Int(start) }
        if let window = attention.window { key = max(key, source.before + t + 1 - window) }
        views.first[b * T + t] = Int32(key)
      }
    }
  }
}

/// The keys and values of one sequence: rows of a cache, or of the call itself.
struct KeySource: Sendable {
  /// nil: the rows of the call.
  private let rows: KeyValueRows?
  private let own: (keys: Matrix, values: Matrix)?
  /// The token of the first row.
  private let start: Int
  /// The first key that a query sees whose document began before the call.
  let first: Int
  /// Number of keys before the call.
  let before: Int

  /// Some rows of a call, which started from nothing.
  init(_ a: AttentionActivations, _ range: Range<Int>) {
    own = (a.projected.k.rows(range), a.projected.v.rows(range))
    (rows, start, first, before) = (nil, 0, 0, 0)
  }

  init(_ rows: KeyValueRows, start: Int, first: Int, before: Int) {
    (self.rows, own, self.start, self.first, self.before) = (rows, nil, start, first, before)
  }

  /// The keys of some tokens of a key/value head, as Float32; `scratch` as in `KeyValueRows.keys`, K wide.
  func keys(_ tokens: Range<Int>, head: Int, scratch: Matrix) -> Matrix {
    own?.keys.block(rows: tokens, columns: columns(head, scratch))
      ?? cache.keys(stored(tokens), head: head, scratch: scratch)
  }

  /// The same of the values.
  func values(_ tokens: Range<Int>, head: Int, scratch: Matrix) -> Matrix {
    own?.values.block(rows: tokens, columns: columns(head, scratch))
      ?? cache.values(stored(tokens), head: head, scratch: scratch)
  }

  /// The columns of a head among the rows of a call; K is the width of the scratch.
  private func columns(_ head: Int, _ scratch: Matrix) -> Range<Int> {
    head * scratch.columns..<(head + 1) * scratch.columns
  }

  /// One row of queries over some tokens of the cache.
  func attend(_ o: Matrix, _ q: Matrix, tokens: Range<Int>, head: Int) {
    cache.attend(o, q, tokens: stored(tokens), head: head)
  }

  private var cache: KeyValueRows {
    guard let rows else { preconditionFailure("KeySource: no cache") }
    return rows
  }

  private func stored(_ tokens: Range<Int>) -> Range<Int> { tokens.lowerBound - start..<tokens.upperBound - start }
}

/// The scratch of `AttentionMemory`, for its tasks.
struct AttentionViews: Sendable {
  /// For each worker: two tiles of scores, keys and values of a tile as Float32, and two numbers of each query.
  let scores: Tensor
  let secondScores: Tensor
  let widened: Tensor
  let most: Tensor
  let totals: Tensor
  /// The first key that each query sees [B·T].
  let first: Indices

  func scores(_ worker: Int, _ rows: Int, _ columns: Int) -> Matrix { tile(scores, worker, rows, columns) }

  func secondScores(_ worker: Int, _ rows: Int, _ columns: Int) -> Matrix { tile(secondScores, worker, rows, columns) }

  /// Room for the keys (0) or values (1) of a tile.
  func wide(_ worker: Int, _ part: Int) -> Matrix {
    let (rows, width) = (widened.shape[1] / 2, widened.shape[2])
    return Matrix(widened.view(Shape(rows, width), at: (2 * worker + part) * rows * width))
  }

  func row(_ tensor: Tensor, _ worker: Int, _ count: Int) -> Tensor {
    tensor.view(Shape(count), at: worker * tensor.shape[1])
  }

  /// The stride of all tiles is that of the longest.
  private func tile(_ tensor: Tensor, _ worker: Int, _ rows: Int, _ columns: Int) -> Matrix {
    let (most, width) = (tensor.shape[1], tensor.shape[2])
    return Matrix(tensor.view(Shape(most, width), at: worker * most * width))
      .block(rows: 0..<rows, columns: 0..<columns)
  }
}

extension AttentionMixer {
  static func makeMemory(_ c: ModelConfiguration, _ plan: MixerMemoryPlan) -> AttentionMemory {
    AttentionMemory(c.attention, plan)
  }

  static func memoryByteCount(_ c: ModelConfiguration, _ plan: MixerMemoryPlan) -> Double {
    AttentionMemory.byteCount(c.attention, plan)
  }
}
