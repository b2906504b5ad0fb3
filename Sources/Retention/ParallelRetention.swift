package import Tensors

/// Scratch of the parallel form, for each worker: the scores of a block of rows, scaled queries or keys, row factors.
package struct ParallelScratch: Sendable {
  fileprivate let scores: Tensor
  fileprivate let scaled: Tensor
  fileprivate let factors: Tensor

  /// Query rows that are scored at a time. Scores are [rowBlock, T], never [T, T].
  fileprivate static let rowBlock = 64

  /// - Parameters:
  ///   - shape: The extents; `time` is the longest.
  ///   - workers: Threads of the pool.
  ///   - fill: Initial value of the memory; tests use NaN to see that nothing is read before it is written.
  package init(_ shape: RetentionShape, workers: Int, fill: Float = 0) {
    scores = Tensor(Shape(workers, ParallelScratch.rowBlock, max(1, shape.time)))
    scaled = Tensor(Shape(workers, max(1, shape.time), shape.keyWidth))
    factors = Tensor(Shape(workers, max(1, shape.time)))
    if fill != 0 { for tensor in [scores, scaled, factors] { tensor.fill(fill) } }
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(_ shape: RetentionShape, workers: Int) -> Double {
    Tensor.byteCount(workers, max(1, shape.time), rowBlock + shape.keyWidth + 1)
  }

  fileprivate func check(_ shape: RetentionShape, workers: Int) {
    precondition(
      scaled.shape[0] >= workers && scaled.shape[1] >= shape.time && scaled.shape[2] == shape.keyWidth,
      "parallelRetention: scratch \(scaled.shape) for \(workers) workers and \(shape)")
  }

  fileprivate func rows(_ tensor: Tensor, worker: Int, _ rows: Int, _ columns: Int) -> Matrix {
    let size = tensor.count / tensor.shape[0]
    return Matrix(tensor.view(Shape(rows, columns), at: worker * size))
  }

  fileprivate func factors(worker: Int, _ count: Int) -> Tensor {
    factors.view(Shape(count), at: worker * factors.shape[1])
  }
}

/// The parallel form of retention, which computes all tokens at once from their scores.
///
/// o = (q kᵀ ⊙ D) v + ξ ⊙ (q S), D[n, m] = γ^(n-m) (docs/MATH.md, eq. 6; Sun et al. 2023, eq. 5).
///
/// Cost per head O(T²·(K+V)), scratch O(T) per worker.
///
/// - Parameters:
///   - o: Outputs [B·T, H·V], not normalised.
///   - q: Queries [B·T, H·K], rotated.
///   - k: Keys [B·T, Hk·K], rotated and scaled by K^-½.
///   - v: Values [B·T, Hk·V].
///   - shape: The extents.
///   - table: Powers of γ for at least T steps.
///   - state: Read as the state before the call, replaced by the state after it; see `RetentionState`.
///   - documentStarts: As in `recurrentRetention`.
///   - absoluteSums: Receives Σ_m |q_n k_mᵀ D[n, m]| for each row and head [B·T, H], or nil.
///   - scratch: Made for at least T.
///   - pool: Where sequences, heads and blocks of rows run.
/// - Precondition: Shapes as above.
package func parallelRetention(
  _ o: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix, shape: RetentionShape, table: DecayTable, state: RetentionState,
  documentStarts: Indices? = nil, absoluteSums: Tensor? = nil, scratch: ParallelScratch, on pool: WorkerPool
) {
  shape.check(o, q, k, v, in: #function)
  state.check(shape, in: #function)
  table.check(shape, documentStarts, in: #function)
  precondition(table.length >= shape.time, "parallelRetention: powers for \(table.length) steps, T = \(shape.time)")
  scratch.check(shape, workers: pool.threadCount)
  if let absoluteSums { checkShape(absoluteSums, Shape(shape.batch * shape.time, shape.heads), "absoluteSums") }
  guard shape.time > 0 else { return }
  let blocks = (shape.time + ParallelScratch.rowBlock - 1) / ParallelScratch.rowBlock
  pool.run(
    shape.batch * shape.heads * blocks,
    with: ((o, q, k, v), (shape, table, state, documentStarts), scratch, blocks, absoluteSums)
  ) { context, index, worker in
    let ((o, q, k, v), (shape, table, state, documentStarts), scratch, blocks, absoluteSums) = context
    let (sequence, block) = (index / blocks, index % blocks)
    let (b, h) = (sequence / shape.heads, sequence % shape.heads)
    let start = block * ParallelScratch.rowBlock
    let rows = start..<min(start + ParallelScratch.rowBlock, shape.time)
    let seen = 0..<rows.upperBound
    let first = documentStarts.map { $0.slice(b * shape.time + rows.lowerBound..<b * shape.time + rows.upperBound) }
    let queries = shape.queryBlock(q, b, h, rows, width: shape.keyWidth)
    let outputs = shape.queryBlock(o, b, h, rows, width: shape.valueWidth)
    let scores = scratch.rows(scratch.scores, worker: worker, rows.count, seen.count)
    multiplyHere(
      scores, queries, shape.keyBlock(k, b, h, seen, width: shape.keyWidth), transposed: .second, accumulate: false)
    maskWithDecay(scores, powers: table.descendingPowers(h), rowOffset: start, firstColumn: first)
    let factors = scratch.factors(worker: worker, rows.count)
    if let absoluteSums {
      absoluteRowSums(factors, scores)
      for row in 0..<rows.count { absoluteSums[(b * shape.time + start + row) * shape.heads + h] = factors[row] }
    }
    multiplyHere(
      outputs, scores, shape.keyBlock(v, b, h, seen, width: shape.valueWidth), transposed: .none, accumulate: false)
    // The weight of the initial state in each row.
    let scale = state.scales[b * shape.heads + h]
    for row in 0..<rows.count {
      let isVisible = first.map { $0[row] < 0 } ?? true
      factors[row] = isVisible ? Float(table.power(h, start + row + 1) * scale) : 0
    }
    let scaled = scratch.rows(scratch.scaled, worker: worker, rows.count, shape.keyWidth)
    scaleRows(scaled, queries, factor: factors)
    multiplyHere(outputs, scaled, state.matrix(b, h), transposed: .none, accumulate: true)
  }
  // The final state, once every row has read the initial one.
  pool.run(
    shape.batch * shape.heads, with: (k, v, shape, table, state, documentStarts, scratch)
  ) { context, index, worker in
    let (k, v, shape, table, state, documentStarts, scratch) = context
    let (b, h) = (index / shape.heads, index % shape.heads)
    let lastStart = documentStarts.map { Int($0[(b + 1) * shape.time - 1]) } ?? -1
    let step = ScaleStep(scale: lastStart < 0 ? state.scales[index] : 1, power: table.power(h, shape.time))
    let factors = scratch.factors(worker: worker, shape.time)
    for t in 0..<shape.time {
      factors[t] = t >= lastStart ? Float(table.power(h, shape.time - 1 - t) / step.scale) : 0
    }
    let scaled = scratch.rows(scratch.scaled, worker: worker, shape.time, shape.keyWidth)
    scaleRows(scaled, shape.keyBlock(k, b, h, 0..<shape.time, width: shape.keyWidth), factor: factors)
    if lastStart >= 0 {
      state.tensor(b, h).fill(0)
    } else {
      scaleHere(state.tensor(b, h), by: Float(step.keep))
    }
    multiplyHere(
      state.matrix(b, h), scaled, shape.keyBlock(v, b, h, 0..<shape.time, width: shape.valueWidth), transposed: .first,
      accumulate: true)
    state.scales[index] = step.scale
  }
}

/// The backward of `parallelRetention` (docs/MATH.md, eq. 11).
///
/// P = (do vᵀ) ⊙ D, dq = P k, dk = Pᵀ q, dv = (q kᵀ ⊙ D)ᵀ do, and the terms of the state.
///
/// - Parameters:
///   - dq: [B·T, H·K].
///   - dk: [B·T, Hk·K].
///   - dv: [B·T, Hk·V].
///   - dstate: Gradient of the state [B, H, K, V]: of the final state on entry, of the initial state on return. nil:
///     nothing reads the final state, and the initial state needs no gradient.
///   - d_o: [B·T, H·V].
///   - q: The forward's queries.
///   - k: The forward's keys.
///   - v: The forward's values.
///   - shape: The extents.
///   - table: As in the forward.
///   - state: The initial state of the forward; nil for an empty one.
///   - documentStarts: As in the forward.
///   - scratch: Made for at least T.
///   - pool: Where sequences and key/value heads run.
package func parallelRetentionBackward(
  dq: Matrix, dk: Matrix, dv: Matrix, dstate: Tensor? = nil, _ d_o: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix,
  shape: RetentionShape, table: DecayTable, state: RetentionState?, documentStarts: Indices? = nil,
  scratch: ParallelScratch, on pool: WorkerPool
) {
  shape.check(d_o, q, k, v, in: #function)
  shape.check(d_o, dq, dk, dv, in: #function)
  table.check(shape, documentStarts, in: #function)
  precondition(
    table.length >= shape.time, "parallelRetentionBackward: powers for \(table.length) steps, T = \(shape.time)")
  scratch.check(shape, workers: pool.threadCount)
  if let dstate { checkShape(dstate, Shape(shape.batch, shape.heads, shape.keyWidth, shape.valueWidth), "dstate") }
  guard shape.time > 0 else { return }
  let call = ParallelBackward(
    dq: dq, dk: dk, dv: dv, dstate: dstate, d_o: d_o, q: q, k: k, v: v, shape: shape, table: table, state: state,
    documentStarts: documentStarts, scratch: scratch)
  // Query heads that share a key/value head add to the same dk and dv, so one task computes them all, in order.
  pool.run(shape.batch * shape.keyHeads, with: call) { call, index, worker in
    let (b, keyHead) = (index / call.shape.keyHeads, index % call.shape.keyHeads)
    for h in keyHead * call.shape.group..<(keyHead + 1) * call.shape.group {
      call.addKeysAndValues(b, h, isFirst: h == keyHead * call.shape.group, worker: worker)
      call.addState(b, h, worker: worker)
    }
  }
}

/// The arguments of one call of the backward, for its tasks.
private struct ParallelBackward: Sendable {
  let dq: Matrix
  let dk: Matrix
  let dv: Matrix
  let dstate: Tensor?
  let d_o: Matrix
  let q: Matrix
  let k: Matrix
  let v: Matrix
  let shape: RetentionShape
  let table: DecayTable
  let state: RetentionState?
  let documentStarts: Indices?
  let scratch: ParallelScratch

  /// dq of one block of rows after the other, and dk and dv of all keys that the block sees.
  func addKeysAndValues(_ b: Int, _ h: Int, isFirst: Bool, worker: Int) {
    let all = 0..<shape.time
    if isFirst {
      clearHere(shape.keyBlock(dk, b, h, all, width: shape.keyWidth))
      clearHere(shape.keyBlock(dv, b, h, all, width: shape.valueWidth))
    }
    for start in stride(from: 0, to: shape.time, by: ParallelScratch.rowBlock) {
      let rows = start..<min(start + ParallelScratch.rowBlock, shape.time)
      let seen = 0..<rows.upperBound
      let first = documentStarts?.slice(b * shape.time + rows.lowerBound..<b * shape.time + rows.upperBound)
      let scores = scratch.rows(scratch.scores, worker: worker, rows.count, seen.count)
      let (queries, upstream) = (
        shape.queryBlock(q, b, h, rows, width: shape.keyWidth),
        shape.queryBlock(d_o, b, h, rows, width: shape.valueWidth)
      )
      let (keys, values) = (
        shape.keyBlock(k, b, h, seen, width: shape.keyWidth), shape.keyBlock(v, b, h, seen, width: shape.valueWidth)
      )
      multiplyHere(scores, queries, keys, transposed: .second, accumulate: false)
      maskWithDecay(scores, powers: table.descendingPowers(h), rowOffset: start, firstColumn: first)
      multiplyHere(
        shape.keyBlock(dv, b, h, seen, width: shape.valueWidth), scores, upstream, transposed: .first, accumulate: true)
      multiplyHere(scores, upstream, values, transposed: .second, accumulate: false)
      maskWithDecay(scores, powers: table.descendingPowers(h), rowOffset: start, firstColumn: first)
      multiplyHere(
        shape.keyBlock(dk, b, h, seen, width: shape.keyWidth), scores, queries, transposed: .first, accumulate: true)
      multiplyHere(
        shape.queryBlock(dq, b, h, rows, width: shape.keyWidth), scores, keys, transposed: .none, accumulate: false)
    }
  }

  /// The terms of the gradients that pass through the initial and the final state.
  func addState(_ b: Int, _ h: Int, worker: Int) {
    let all = 0..<shape.time
    let sequence = b * shape.heads + h
    let factors = scratch.factors(worker: worker, shape.time)
    let scaled = scratch.rows(scratch.scaled, worker: worker, shape.time, shape.keyWidth)
    let size = shape.keyWidth * shape.valueWidth
    let gradient = dstate?.view(Shape(shape.keyWidth, shape.valueWidth), at: sequence * size)
    let lastStart = documentStarts.map { Int($0[(b + 1) * shape.time - 1]) } ?? -1
    if let gradient {
      for t in all { factors[t] = t >= lastStart ? Float(table.power(h, shape.time - 1 - t)) : 0 }
      scaleRows(scaled, shape.keyBlock(k, b, h, all, width: shape.keyWidth), factor: factors)
      multiplyHere(
        shape.keyBlock(dv, b, h, all, width: shape.valueWidth), scaled, Matrix(gradient), transposed: .none,
        accumulate: true)
      multiplyHere(
        scaled, shape.keyBlock(v, b, h, all, width: shape.valueWidth), Matrix(gradient), transposed: .second,
        accumulate: false)
      scaleRows(shape.keyBlock(dk, b, h, all, width: shape.keyWidth), scaled, factor: factors, accumulate: true)
    }
    for t in all {
      let isVisible = documentStarts.map { $0[b * shape.time + t] < 0 } ?? true
      factors[t] = isVisible ? Float(table.power(h, t + 1)) : 0
    }
    let upstream = shape.queryBlock(d_o, b, h, all, width: shape.valueWidth)
    if let state {
      // The state is the stored part times its scale.
      let scale = Float(state.scales[sequence])
      multiplyHere(scaled, upstream, state.matrix(b, h), transposed: .second, accumulate: false, factor: scale)
      scaleRows(shape.queryBlock(dq, b, h, all, width: shape.keyWidth), scaled, factor: factors, accumulate: true)
    }
    if let gradient {
      scaleRows(scaled, shape.queryBlock(q, b, h, all, width: shape.keyWidth), factor: factors)
      scaleHere(gradient, by: lastStart < 0 ? Float(table.power(h, shape.time)) : 0)
      multiplyHere(Matrix(gradient), scaled, upstream, transposed: .first, accumulate: true)
    }
  }
}
