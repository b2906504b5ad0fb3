internal import CKernels

/// Gathers the embedding rows of token ids: y[r, :] = table[ids[r], :] (docs/MATH.md, eq. 19).
///
/// - Parameters:
///   - y: [R, D].
///   - table: [N, D].
///   - ids: Token ids [R].
/// - Precondition: Every id is in 0..<N.
package func gatherRows(_ y: Tensor, _ table: Tensor, _ ids: Indices) {
  let (rows, width) = (y.shape[0], y.shape[1])
  checkIDs(ids, rows: rows, table: table, width: width)
  unsafe rn_gather_rows(y.pointer, table.pointer, ids.pointer, Int64(rows), Int64(width))
}

/// The backward of `gatherRows`: dtable[ids[r], :] += dy[r, :]. Rows are added in order; each task takes some columns.
///
/// - Parameters:
///   - dtable: [N, D], added to.
///   - dy: [R, D].
///   - ids: As in the forward.
///   - pool: Where the column ranges run.
package func scatterAddRows(_ dtable: Tensor, _ dy: Tensor, _ ids: Indices, on pool: WorkerPool) {
  let (rows, width) = (dy.shape[0], dy.shape[1])
  checkIDs(ids, rows: rows, table: dtable, width: width)
  pool.runRanges(of: width, grain: 64, with: (dtable, dy, ids)) { context, columns in
    let (dtable, dy, ids) = context
    unsafe rn_scatter_add_rows(
      dtable.pointer, dy.pointer, ids.pointer, Int64(dy.shape[0]), Int64(dy.shape[1]), Int64(columns.lowerBound),
      Int64(columns.count))
  }
}

private func checkIDs(_ ids: Indices, rows: Int, table: Tensor, width: Int) {
  precondition(
    ids.count == rows && table.shape[1] == width, "\(ids.count) ids for \(rows) rows of \(width), table \(table.shape)")
  for index in 0..<rows {
    precondition(
      ids[index] >= 0 && ids[index] < table.shape[0], "token id \(ids[index]) is outside 0..<\(table.shape[0])")
  }
}
