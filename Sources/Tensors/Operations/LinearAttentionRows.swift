internal import CKernels

/// y = elu(x) + 1, the feature map of linear attention (docs/MATH.md, eq. 44).
///
/// - Parameters:
///   - y: [R, W].
///   - x: [R, W].
///   - pool: Where the rows run.
package func eluFeatures(_ y: Matrix, _ x: Matrix, on pool: WorkerPool) {
  precondition(
    y.rows == x.rows && y.columns == x.columns, "eluFeatures: [\(y.rows), \(y.columns)] from [\(x.rows), \(x.columns)]")
  pool.runRanges(of: y.rows, grain: rowBlock, with: (y, x)) { context, range in
    let (y, x) = (context.0.rows(range), context.1.rows(range))
    unsafe rn_elu_features(
      y.pointer, x.pointer, Int64(y.rows), Int64(y.columns), Int64(y.stride), Int64(x.stride))
  }
}

/// The backward of `eluFeatures`.
///
/// - Parameters:
///   - dx: [R, W].
///   - dy: [R, W], with the stride of `y`.
///   - y: As the forward wrote it.
///   - pool: Where the rows run.
package func eluFeaturesBackward(_ dx: Matrix, _ dy: Matrix, _ y: Matrix, on pool: WorkerPool) {
  precondition(
    dx.rows == y.rows && dx.columns == y.columns && dy.rows == y.rows && dy.columns == y.columns
      && dy.stride == y.stride, "eluFeaturesBackward: [\(dx.rows), \(dx.columns)] from [\(y.rows), \(y.columns)]")
  pool.runRanges(of: y.rows, grain: rowBlock, with: (dx, dy, y)) { context, range in
    let (dx, dy, y) = (context.0.rows(range), context.1.rows(range), context.2.rows(range))
    unsafe rn_elu_features_backward(
      dx.pointer, dy.pointer, y.pointer, Int64(y.rows), Int64(y.columns), Int64(dx.stride), Int64(y.stride))
  }
}

/// Appends a one to each head's row: its sum over keys is the sum of their weights.
///
/// - Parameters:
///   - y: [R, H·(V+1)], dense.
///   - x: [R, H·V].
///   - heads: H.
///   - pool: Where the rows run.
package func appendOnes(_ y: Matrix, _ x: Matrix, heads: Int, on pool: WorkerPool) {
  precondition(
    y.isDense && y.rows == x.rows && y.columns == x.columns + heads, "appendOnes: \(y.columns), \(x.columns)")
  pool.runRanges(of: y.rows, grain: rowBlock, with: (y, x, heads)) { context, range in
    let (y, x, heads) = (context.0.rows(range), context.1.rows(range), context.2)
    unsafe rn_append_ones(
      y.pointer, x.pointer, Int64(x.rows), Int64(heads), Int64(x.columns / heads), Int64(x.stride))
  }
}

/// The backward of `appendOnes`: leaves out the last column of each head.
///
/// - Parameters:
///   - dx: [R, H·V].
///   - dy: [R, H·(V+1)], dense.
///   - heads: H.
///   - pool: Where the rows run.
package func removeOnes(_ dx: Matrix, _ dy: Matrix, heads: Int, on pool: WorkerPool) {
  precondition(
    dy.isDense && dy.rows == dx.rows && dy.columns == dx.columns + heads, "removeOnes: \(dy.columns), \(dx.columns)")
  pool.runRanges(of: dx.rows, grain: rowBlock, with: (dx, dy, heads)) { context, range in
    let (dx, dy, heads) = (context.0.rows(range), context.1.rows(range), context.2)
    unsafe rn_remove_ones(
      dx.pointer, dy.pointer, Int64(dx.rows), Int64(heads), Int64(dx.columns / heads), Int64(dx.stride))
  }
}

/// o = sums / (the last of the sums + ε), for each head of each row (docs/MATH.md, eq. 44).
///
/// - Parameters:
///   - o: [R, H·V].
///   - sums: [R, H·(V+1)].
///   - heads: H.
///   - epsilon: ε.
///   - pool: Where the rows run.
package func divideBySums(_ o: Tensor, _ sums: Tensor, heads: Int, epsilon: Float, on pool: WorkerPool) {
  let width = o.shape[1] / heads
  checkShape(sums, Shape(o.shape[0], heads * (width + 1)), "sums")
  pool.runRanges(of: o.shape[0], grain: rowBlock, with: (o, sums, heads)) { context, range in
    let (o, sums, heads) = context
    let (first, width) = (range.lowerBound * heads, o.shape[1] / heads)
    unsafe rn_divide_by_sums(
      o.pointer + first * width, sums.pointer + first * (width + 1), Int64(range.count * heads), Int64(width), epsilon)
  }
}

/// The backward of `divideBySums`.
///
/// - Parameters:
///   - dsums: [R, H·(V+1)].
///   - d_o: [R, H·V].
///   - o: As the forward wrote it.
///   - sums: As in the forward.
///   - heads: H.
///   - epsilon: ε.
///   - pool: Where the rows run.
package func divideBySumsBackward(
  _ dsums: Tensor, _ d_o: Tensor, _ o: Tensor, _ sums: Tensor, heads: Int, epsilon: Float, on pool: WorkerPool
) {
  checkShape(d_o, o.shape, "d_o")
  checkShape(dsums, sums.shape, "dsums")
  pool.runRanges(of: o.shape[0], grain: rowBlock, with: (dsums, d_o, o, sums, heads)) { context, range in
    let (dsums, d_o, o, sums, heads) = context
    let (first, width) = (range.lowerBound * heads, o.shape[1] / heads)
    unsafe rn_divide_by_sums_backward(
      dsums.pointer + first * (width + 1), d_o.pointer + first * width, o.pointer + first * width,
      sums.pointer + first * (width + 1), Int64(range.count * heads), Int64(width), epsilon)
  }
}
