internal import CKernels

/// Applies decay, causality and document borders to a block of scores, on the calling thread.
///
/// s[j, i] *= γ^(rowOffset + j - i) where firstColumn[j] ≤ columnOffset + i and i ≤ rowOffset + j. Elsewhere s is 0.
///
/// - Parameters:
///   - s: Scores of a block of queries against keys [R, C].
///   - powers: γ^(P-1), …, γ, 1 as [P], P ≥ rowOffset + R.
///   - rowOffset: The column at the position of row 0.
///   - firstColumn: The first key of each row's document [R], or nil for no limit.
///   - columnOffset: The value of `firstColumn` that denotes column 0.
package func maskWithDecay(
  _ s: Matrix, powers: Tensor, rowOffset: Int, firstColumn: Indices?, columnOffset: Int = 0
) {
  let powerCount = powers.count
  precondition(
    powerCount >= rowOffset + s.rows, "maskWithDecay: \(powerCount) powers for row \(rowOffset + s.rows - 1)")
  precondition(firstColumn.map { $0.count == s.rows } ?? true, "maskWithDecay: not one firstColumn a row")
  unsafe rn_decay_mask(
    s.pointer, powers.pointer, firstColumn.map { unsafe UnsafePointer($0.pointer) }, Int64(powerCount), Int64(s.rows),
    Int64(s.columns), Int64(s.stride), Int64(rowOffset), Int64(columnOffset))
}

/// y[j, :] = factor[j] x[j, :], added to y if `accumulate`; on the calling thread.
///
/// - Parameters:
///   - y: [R, D]; may be `x`.
///   - x: [R, D].
///   - factor: At least R numbers; the first R are used.
///   - accumulate: Whether to add to y.
package func scaleRows(_ y: Matrix, _ x: Matrix, factor: Tensor, accumulate: Bool = false) {
  precondition(
    y.rows == x.rows && y.columns == x.columns, "scaleRows: [\(y.rows), \(y.columns)] from [\(x.rows), \(x.columns)]")
  precondition(factor.count >= x.rows, "scaleRows: \(factor.count) factors for \(x.rows) rows")
  unsafe rn_scale_rows(
    y.pointer, x.pointer, factor.pointer, Int64(x.rows), Int64(x.columns), Int64(y.stride), Int64(x.stride),
    accumulate ? 1 : 0)
}

/// One recurrent step of one head (docs/MATH.md, eq. 9): S = keep · S + (k keyScale) vᵀ, o = (q queryScale) S.
///
/// - Parameters:
///   - o: Output, one row of V.
///   - state: [K, V], dense.
///   - q: Query, one row of K.
///   - k: Key, one row of K.
///   - v: Value, one row of V.
///   - keep: Factor of the stored state.
///   - keyScale: Factor of the key.
///   - queryScale: Factor of the query.
package func retainStep(
  _ o: Matrix, _ state: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix, keep: Float, keyScale: Float, queryScale: Float
) {
  precondition(
    q.columns == state.rows && k.columns == state.rows && v.columns == state.columns && o.columns == state.columns
      && state.isDense && o.rows == 1 && q.rows == 1 && k.rows == 1 && v.rows == 1,
    "retainStep: state [\(state.rows), \(state.columns)], q \(q.columns), k \(k.columns), v \(v.columns)")
  unsafe rn_retain_step(
    o.pointer, state.pointer, q.pointer, k.pointer, v.pointer, Int64(state.rows), Int64(state.columns), keep, keyScale,
    queryScale)
}

/// y *= factor, on the calling thread; does nothing for 1.
package func scaleHere(_ y: Tensor, by factor: Float) {
  if factor != 1 { unsafe rn_scale(y.pointer, factor, Int64(y.count)) }
}

/// y += factor · x, on the calling thread.
package func addHere(_ y: Tensor, _ x: Tensor, factor: Float) {
  checkShape(x, y.shape, "x")
  unsafe rn_add_scaled(y.pointer, x.pointer, factor, Int64(y.count))
}

/// y = 0, on the calling thread.
///
/// - Parameter y: [R, D], rows with a stride.
package func clearHere(_ y: Matrix) {
  for row in 0..<y.rows { unsafe (y.pointer + row * y.stride).update(repeating: 0, count: y.columns) }
}

/// y = x, on the calling thread.
package func copyHere(_ y: Tensor, _ x: Tensor) {
  checkShape(x, y.shape, "x")
  unsafe y.pointer.update(from: x.pointer, count: y.count)
}

/// y[j] = Σ_i |s[j, i]|, on the calling thread.
///
/// - Parameters:
///   - y: At least R numbers; the first R are written.
///   - s: [R, C].
package func absoluteRowSums(_ y: Tensor, _ s: Matrix) {
  precondition(y.count >= s.rows, "absoluteRowSums: \(y.shape) for \(s.rows) rows")
  unsafe rn_absolute_row_sums(y.pointer, s.pointer, Int64(s.rows), Int64(s.columns), Int64(s.stride))
}

/// y[r, :] *= factor[r].
///
/// - Parameters:
///   - y: [R, D].
///   - factor: [R].
///   - pool: Where the rows run.
package func scaleRows(_ y: Tensor, by factor: Tensor, on pool: WorkerPool) {
  checkShape(factor, Shape(y.shape[0]), "factor")
  pool.runRanges(of: y.shape[0], grain: rowBlock, with: (y, factor)) { context, range in
    let (y, factor) = context
    let rows = Matrix(y).rows(range)
    scaleRows(rows, rows, factor: factor.view(Shape(range.count), at: range.lowerBound))
  }
}
