package import Tensors

/// Scratch of the parallel form, for each worker: the scores of a block of rows, scaled queries and keys.
package struct ParallelScratch: Sendable {
  fileprivate let scores: Tensor
  fileprivate let scaled: Tensor
  fileprivate let factors: Tensor

  /// Query rows that are scored at a time: scores are [rowBlock, T], never [T, T].
  fileprivate static let rowBlock = 64

  /// - Parameters:
  ///   - shape: The extents, `time` being the longest.
  ///   - workers: Threads of the pool.
  ///   - fill: What the memory holds at first; tests set NaN to see that nothing is read before it is written.
  package init(_ shape: RetentionShape, workers: Int, fill: Float = 0) {
    scores = Tensor(Shape(workers, ParallelScratch.rowBlock, max(1, shape.time)))
    scaled = Tensor(Shape(workers, max(1, shape.time), shape.keyWidth))
    factors = Tensor(Shape(workers, max(1, shape.time)))
    if fill != 0 { for tensor in [scores, scaled, factors] { tensor.fill(fill) } }
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

/// Retains all at once: o = (q kᵀ ⊙ D) v + ξ ⊙ (q S), D[n, m] = γ^(n-m) (docs/MATH.md, eq. 6; Sun et al. 2023, eq. 5).
///
/// Cost per head O(T²·(K+V)), scratch O(T) for each worker.
///
/// - Parameters:
///   - o: Outputs [B·T, H·V], not normalised.
///   - q: Queries [B·T, H·K], rotated.
///   - k: Keys [B·T, Hk·K], rotated and scaled by K^-½.
///   - v: Values [B·T, Hk·V].
///   - shape: The extents.
///   - table: Powers of γ for at least T steps.
///   - state: Before and after; see `RetentionState`.
///   - documents: As in `recurrentRetention`.
///   - scratch: Made for at least T.
///   - pool: Where sequences, heads and blocks of rows run.
/// - Precondition: Shapes as above.
package func parallelRetention(
  _ o: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix, shape: RetentionShape, table: DecayTable, state: RetentionState,
  documents: Indices? = nil, scratch: ParallelScratch, on pool: WorkerPool
) {
  shape.check(o, q, k, v, in: #function)
  state.check(shape, in: #function)
  table.check(shape, documents, in: #function)
  precondition(table.length >= shape.time, "parallelRetention: powers for \(table.length) steps, T = \(shape.time)")
  scratch.check(shape, workers: pool.threadCount)
  guard shape.time > 0 else { return }
  let blocks = (shape.time + ParallelScratch.rowBlock - 1) / ParallelScratch.rowBlock
  pool.run(
    shape.batch * shape.heads * blocks, with: (o, q, k, v, shape, table, state, documents, scratch, blocks)
  ) { context, index, worker in
    let (o, q, k, v, shape, table, state, documents, scratch, blocks) = context
    let (sequence, block) = (index / blocks, index % blocks)
    let (b, h) = (sequence / shape.heads, sequence % shape.heads)
    let start = block * ParallelScratch.rowBlock
    let rows = start..<min(start + ParallelScratch.rowBlock, shape.time)
    let seen = 0..<rows.upperBound
    let first = documents.map { $0.slice(b * shape.time + rows.lowerBound..<b * shape.time + rows.upperBound) }
    let queries = shape.queryBlock(q, b, h, rows, width: shape.keyWidth)
    let outputs = shape.queryBlock(o, b, h, rows, width: shape.valueWidth)
    let scores = scratch.rows(scratch.scores, worker: worker, rows.count, seen.count)
    multiplyHere(
      scores, queries, shape.keyBlock(k, b, h, seen, width: shape.keyWidth), transposed: .second, accumulate: false)
    maskWithDecay(scores, powers: table.descendingPowers(h), rowOffset: start, firstColumn: first)
    multiplyHere(
      outputs, scores, shape.keyBlock(v, b, h, seen, width: shape.valueWidth), transposed: .none, accumulate: false)
    // What is left of the initial state at each row.
    let scale = state.scales[b * shape.heads + h]
    let factors = scratch.factors(worker: worker, rows.count)
    for row in 0..<rows.count {
      let isVisible = first.map { $0[row] < 0 } ?? true
      factors[row] = isVisible ? Float(table.power(h, start + row + 1) * scale) : 0
    }
    let scaled = scratch.rows(scratch.scaled, worker: worker, rows.count, shape.keyWidth)
    scaleRows(scaled, queries, factor: factors)
    multiplyHere(outputs, scaled, state.matrix(b, h), transposed: .none, accumulate: true)
  }
  // The state afterwards, once every row has read the one before.
  pool.run(
    shape.batch * shape.heads, with: (k, v, shape, table, state, documents, scratch)
  ) { context, index, worker in
    let (k, v, shape, table, state, documents, scratch) = context
    let (b, h) = (index / shape.heads, index % shape.heads)
    let lastStart = documents.map { Int($0[(b + 1) * shape.time - 1]) } ?? -1
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
