internal import CKernels

/// A tile of softmax attention: some queries of a head against some of its keys (docs/MATH.md, eq. 42).
package struct AttentionTile {
  /// The first key that each query sees [R].
  package let first: Indices
  /// The key at the position of the first query.
  package let rowOffset: Int
  /// The key of the first column.
  package let columnOffset: Int

  package init(first: Indices, rowOffset: Int, columnOffset: Int) {
    (self.first, self.rowOffset, self.columnOffset) = (first, rowOffset, columnOffset)
  }
}

/// Turns scores into weights relative to the largest score so far, and scales the sums over earlier tiles to it; on the
/// calling thread.
///
/// - Parameters:
///   - s: Scores [R, C], replaced by e^(s - most), 0 where a query does not see a key.
///   - o: The sum of weighted values over earlier tiles [R, V].
///   - most: The largest score of each query [R]; -∞ before the first tile.
///   - total: The sum of each query's weights [R]; 0 before the first tile.
///   - tile: What the rows and columns are.
package func attentionTile(_ s: Matrix, _ o: Matrix, most: Tensor, total: Tensor, _ tile: AttentionTile) {
  precondition(
    o.rows == s.rows && most.count >= s.rows && total.count >= s.rows && tile.first.count == s.rows,
    "attentionTile: scores [\(s.rows), \(s.columns)], o [\(o.rows), \(o.columns)], \(tile.first.count) first keys")
  unsafe rn_attention_tile(
    s.pointer, o.pointer, most.pointer, total.pointer, tile.first.pointer, Int64(s.rows), Int64(s.columns),
    Int64(s.stride), Int64(tile.rowOffset), Int64(tile.columnOffset), Int64(o.columns), Int64(o.stride))
}

/// Divides the sums of weighted values by the sums of weights, behind the last tile; on the calling thread.
///
/// - Parameters:
///   - o: [R, V].
///   - logSums: Receives ln Σ e^score of each query: one column [R, 1].
///   - most: As `attentionTile` left it.
///   - total: As `attentionTile` left it.
package func finishAttention(_ o: Matrix, logSums: Matrix, most: Tensor, total: Tensor) {
  precondition(
    logSums.rows == o.rows && logSums.columns == 1 && most.count >= o.rows && total.count >= o.rows,
    "finishAttention: o [\(o.rows), \(o.columns)], sums [\(logSums.rows), \(logSums.columns)]")
  unsafe rn_attention_finish(
    o.pointer, logSums.pointer, most.pointer, total.pointer, Int64(o.rows), Int64(o.columns), Int64(o.stride),
    Int64(logSums.stride))
}

/// The backward of a tile (docs/MATH.md, eq. 43), on the calling thread.
///
/// - Parameters:
///   - s: Scores [R, C], replaced by the softmax.
///   - ds: Gradient of the softmax [R, C], replaced by that of the scores.
///   - logSums: As the forward wrote them [R, 1].
///   - dots: Σ o do of each query [R, 1], with the stride of `logSums`.
///   - tile: What the rows and columns are.
package func attentionTileBackward(_ s: Matrix, _ ds: Matrix, logSums: Matrix, dots: Matrix, _ tile: AttentionTile) {
  precondition(
    ds.rows == s.rows && ds.columns == s.columns && ds.stride == s.stride && logSums.rows == s.rows
      && dots.rows == s.rows && dots.stride == logSums.stride && tile.first.count == s.rows,
    "attentionTileBackward: scores [\(s.rows), \(s.columns)], gradients [\(ds.rows), \(ds.columns)]")
  unsafe rn_attention_tile_backward(
    s.pointer, ds.pointer, logSums.pointer, dots.pointer, tile.first.pointer, Int64(s.rows), Int64(s.columns),
    Int64(s.stride), Int64(tile.rowOffset), Int64(tile.columnOffset), Int64(logSums.stride))
}

/// dots[r, h] = Σ x[r, h, :] y[r, h, :].
///
/// - Parameters:
///   - dots: [R, H].
///   - x: [R, H·V].
///   - y: [R, H·V].
///   - pool: Where the rows run.
package func headDots(_ dots: Tensor, _ x: Tensor, _ y: Tensor, on pool: WorkerPool) {
  let (rows, heads) = (dots.shape[0], dots.shape[1])
  checkShape(y, x.shape, "y")
  precondition(x.shape[0] == rows && x.shape[1] % heads == 0, "headDots: \(dots.shape) from \(x.shape)")
  pool.runRanges(of: rows, grain: rowBlock, with: (dots, x, y)) { context, range in
    let (dots, x, y) = context
    let (heads, width) = (dots.shape[1], x.shape[1])
    unsafe rn_head_dots(
      dots.pointer + range.lowerBound * heads, x.pointer + range.lowerBound * width,
      y.pointer + range.lowerBound * width, Int64(range.count), Int64(heads), Int64(width / heads))
  }
}
