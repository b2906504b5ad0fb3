internal import Tensors

/// The arithmetic of attention for one head and some queries, on the calling thread (docs/MATH.md, eq. 42 and 43).
///
/// Scores exist in tiles of at most 64 queries and 256 keys. The borders of the tiles depend on the positions alone, so
/// the bits do not depend on the number of threads.
struct AttentionTask: Sendable {
  let attention: AttentionConfiguration
  private let shape: CallShape
  private let keys: [KeySource]
  private let memory: AttentionViews
  private let products: TaskProducts

  init(
    attention: AttentionConfiguration, shape: CallShape, keys: [KeySource], memory: AttentionViews,
    precision: ProductPrecision, on pool: WorkerPool
  ) {
    (self.attention, self.shape, self.keys, self.memory) = (attention, shape, keys, memory)
    products = TaskProducts(precision, on: pool)
  }

  /// Blocks of queries of a sequence.
  var blocks: Int { (shape.time + AttentionMemory.queryRows - 1) / AttentionMemory.queryRows }

  private func queries(_ block: Int) -> Range<Int> {
    let start = block * AttentionMemory.queryRows
    return start..<min(start + AttentionMemory.queryRows, shape.time)
  }

  private func rows(_ b: Int, _ times: Range<Int>) -> Range<Int> {
    b * shape.time + times.lowerBound..<b * shape.time + times.upperBound
  }

  private func columns(_ head: Int) -> Range<Int> {
    head * attention.headWidth..<(head + 1) * attention.headWidth
  }

  /// The tiles of keys that some queries see, in order.
  private func tiles(_ b: Int, _ times: Range<Int>) -> TileRanges {
    var first = keys[b].before + times.upperBound
    for row in rows(b, times) { first = min(first, Int(memory.first[row])) }
    return TileRanges(first: first, end: keys[b].before + times.upperBound)
  }

  /// One query of a sequence for all heads that share a key/value head, over the whole cache.
  func decode(_ o: Matrix, _ q: Matrix, row: Int, keyHead: Int) {
    let source = keys[row / shape.time]
    let group = attention.group * attention.headWidth
    let heads = keyHead * group..<(keyHead + 1) * group
    source.attend(
      o.block(rows: row..<row + 1, columns: heads), q.block(rows: row..<row + 1, columns: heads),
      tokens: Int(memory.first[row])..<source.before + row % shape.time + 1, head: keyHead)
  }

  /// One block of queries of one head.
  ///
  /// - Parameters:
  ///   - o: Receives the outputs [B·T, H·K].
  ///   - logSums: Receives ln Σ e^score [B·T, H].
  ///   - q: [B·T, H·K].
  ///   - index: The number of the block among those of all sequences and heads.
  ///   - worker: The worker of the task.
  func forward(_ o: Matrix, logSums: Matrix, _ q: Matrix, block index: Int, worker: Int) {
    let (b, h) = (index / blocks / attention.heads, index / blocks % attention.heads)
    let times = queries(index % blocks)
    let rows = rows(b, times)
    let (o, q) = (o.block(rows: rows, columns: columns(h)), q.block(rows: rows, columns: columns(h)))
    let keyHead = h / attention.group
    let (most, total) = (memory.row(memory.most, worker, times.count), memory.row(memory.totals, worker, times.count))
    most.fill(-.infinity)
    total.fill(0)
    clearHere(o)
    for tile in tiles(b, times) {
      let scores = memory.scores(worker, times.count, tile.count)
      products.multiply(
        scores, q, keys[b].keys(tile, head: keyHead, scratch: memory.wide(worker, 0)), transposed: .second,
        accumulate: false,
        worker: worker)
      attentionTile(scores, o, most: most, total: total, place(b, times, tile))
      products.multiply(
        o, scores, keys[b].values(tile, head: keyHead, scratch: memory.wide(worker, 1)), transposed: .none,
        accumulate: true,
        worker: worker)
    }
    finishAttention(o, logSums: logSums.block(rows: rows, columns: h..<h + 1), most: most, total: total)
  }

  private func place(_ b: Int, _ times: Range<Int>, _ tile: Range<Int>) -> AttentionTile {
    AttentionTile(
      first: memory.first.slice(rows(b, times)), rowOffset: keys[b].before + times.lowerBound,
      columnOffset: tile.lowerBound)
  }

  /// The gradients of one key/value head and of the query heads that read it, in one sequence.
  func backward(_ scratch: AttentionScratch, _ a: AttentionActivations, b: Int, keyHead: Int, _ worker: Int) {
    let all = rows(b, 0..<shape.time)
    let own = columns(keyHead)
    let (dk, dv) = (
      scratch.dprojected.k.block(rows: all, columns: own), scratch.dprojected.v.block(rows: all, columns: own)
    )
    clearHere(dk)
    clearHere(dv)
    let (logSums, dots) = (Matrix(a.logSums), Matrix(scratch.dots))
    for h in keyHead * attention.group..<(keyHead + 1) * attention.group {
      for block in 0..<blocks {
        let times = queries(block)
        let rows = rows(b, times)
        let q = a.projected.q.block(rows: rows, columns: columns(h))
        let dq = scratch.dprojected.q.block(rows: rows, columns: columns(h))
        let d_o = Matrix(scratch.dattended).block(rows: rows, columns: columns(h))
        clearHere(dq)
        for tile in tiles(b, times) {
          let k = keys[b].keys(tile, head: keyHead, scratch: memory.wide(worker, 0))
          let v = keys[b].values(tile, head: keyHead, scratch: memory.wide(worker, 1))
          let scores = memory.scores(worker, times.count, tile.count)
          let dscores = memory.secondScores(worker, times.count, tile.count)
          products.multiply(scores, q, k, transposed: .second, accumulate: false, worker: worker)
          products.multiply(dscores, d_o, v, transposed: .second, accumulate: false, worker: worker)
          attentionTileBackward(
            scores, dscores, logSums: logSums.block(rows: rows, columns: h..<h + 1),
            dots: dots.block(rows: rows, columns: h..<h + 1), place(b, times, tile))
          products.multiply(dv.rows(tile), scores, d_o, transposed: .first, accumulate: true, worker: worker)
          products.multiply(dk.rows(tile), dscores, q, transposed: .first, accumulate: true, worker: worker)
          products.multiply(dq, dscores, k, transposed: .none, accumulate: true, worker: worker)
        }
      }
    }
  }
}

/// The tiles of a range of keys; all but the last end at multiples of the tile's length.
private struct TileRanges: Sequence, IteratorProtocol {
  private var start: Int
  private let end: Int

  init(first: Int, end: Int) {
    self.end = end
    start = first / AttentionMemory.keyRows * AttentionMemory.keyRows
  }

  mutating func next() -> Range<Int>? {
    guard start < end else { return nil }
    let tile = start..<Swift.min(start + AttentionMemory.keyRows, end)
    start = tile.upperBound
    return tile
  }
}
