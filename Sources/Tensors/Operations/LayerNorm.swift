internal import CKernels

/// LayerNorm of each row: y = w ⊙ (x - mean x) / deviation + b (docs/MATH.md, eq. 26).
///
/// - Parameters:
///   - y: [R, D].
///   - mean: Receives the mean of each row [R], for the backward.
///   - inverse: Receives 1 / deviation of each row [R], for the backward.
///   - x: [R, D].
///   - weight: [D], or nil for ones.
///   - bias: [D], or nil for zeros.
///   - epsilon: Added to the variance.
///   - pool: Where the rows run.
package func layerNorm(
  _ y: Tensor, mean: Tensor, inverse: Tensor, _ x: Tensor, weight: Tensor?, bias: Tensor?, epsilon: Float,
  on pool: WorkerPool
) {
  let (rows, width) = (x.shape[0], x.shape[1])
  checkShape(y, Shape(rows, width), "y")
  checkShape(mean, Shape(rows), "mean")
  checkShape(inverse, Shape(rows), "inverse")
  if let weight { checkShape(weight, Shape(width), "weight") }
  if let bias { checkShape(bias, Shape(width), "bias") }
  pool.runRanges(of: rows, grain: rowBlock, with: (y, mean, inverse, x, weight, bias, epsilon)) { context, range in
    let (y, mean, inverse, x, weight, bias, epsilon) = context
    let (first, width) = (range.lowerBound, x.shape[1])
    unsafe rn_layer_norm_forward(
      y.pointer + first * width, mean.pointer + first, inverse.pointer + first, x.pointer + first * width,
      weight?.pointer, bias?.pointer, Int64(range.count), Int64(width), epsilon)
  }
}

/// The backward of `layerNorm` (docs/MATH.md, eq. 26): dx = addend + …, dweight += …, dbias += ….
///
/// - Parameters:
///   - dx: [R, D]; may be `addend`.
///   - dweight: [D], added to, or nil.
///   - dbias: [D], added to, or nil.
///   - addend: The gradient that reaches x through the residual sum [R, D], or nil.
///   - dy: [R, D].
///   - x: The forward's input [R, D].
///   - weight: [D] or nil.
///   - mean: As the forward wrote it [R].
///   - inverse: As the forward wrote it [R].
///   - partials: Scratch of at least 2 · `partialCount(rows: R)` rows of D.
///   - pool: Where the rows run.
package func layerNormBackward(
  _ dx: Tensor, dweight: Tensor?, dbias: Tensor?, addend: Tensor?, _ dy: Tensor, _ x: Tensor, weight: Tensor?,
  mean: Tensor, inverse: Tensor, partials: Tensor, on pool: WorkerPool
) {
  let (rows, width) = (x.shape[0], x.shape[1])
  checkShape(dx, Shape(rows, width), "dx")
  checkShape(dy, Shape(rows, width), "dy")
  checkShape(mean, Shape(rows), "mean")
  checkShape(inverse, Shape(rows), "inverse")
  if let addend { checkShape(addend, Shape(rows, width), "addend") }
  if let dweight { checkShape(dweight, Shape(width), "dweight") }
  if let dbias { checkShape(dbias, Shape(width), "dbias") }
  if let weight { checkShape(weight, Shape(width), "weight") }
  let blocks = partialCount(rows: rows)
  let weightSums = dweight.map { _ in partials.view(Shape(blocks, width)) }
  let biasSums = dbias.map { _ in partials.view(Shape(blocks, width), at: blocks * width) }
  pool.runRanges(
    of: rows, grain: rowBlock, with: (dx, addend, dy, x, weight, mean, inverse, weightSums, biasSums)
  ) { context, range in
    let (dx, addend, dy, x, weight, mean, inverse, weightSums, biasSums) = context
    let (first, width) = (range.lowerBound, x.shape[1])
    let weightSum = unsafe weightSums.map { unsafe $0.pointer + first / rowBlock * width }
    let biasSum = unsafe biasSums.map { unsafe $0.pointer + first / rowBlock * width }
    if let weightSum = unsafe weightSum { unsafe weightSum.update(repeating: 0, count: width) }
    if let biasSum = unsafe biasSum { unsafe biasSum.update(repeating: 0, count: width) }
    unsafe rn_layer_norm_backward(
      dx.pointer + first * width, weightSum, biasSum, addend.map { unsafe UnsafePointer($0.pointer + first * width) },
      dy.pointer + first * width, x.pointer + first * width, weight?.pointer, mean.pointer + first,
      inverse.pointer + first, Int64(range.count), Int64(width))
  }
  if let dweight, let weightSums { addRows(dweight, weightSums) }
  if let dbias, let biasSums { addRows(dbias, biasSums) }
}

/// Adds a bias to each row: y[r, :] += bias.
///
/// - Parameters:
///   - y: [R, D], rows with a stride.
///   - bias: [D].
///   - pool: Where the rows run.
package func addBias(_ y: Matrix, _ bias: Tensor, on pool: WorkerPool) {
  checkShape(bias, Shape(y.columns), "bias")
  pool.runRanges(of: y.rows, grain: rowBlock, with: (y, bias)) { context, range in
    let (y, bias) = context
    unsafe rn_add_bias(
      y.pointer + range.lowerBound * y.stride, bias.pointer, Int64(range.count), Int64(y.columns), Int64(y.stride))
  }
}

/// The backward of `addBias`: dbias += Σ_r dy[r, :]. Blocks of rows are added in order.
///
/// - Parameters:
///   - dbias: [D], added to.
///   - dy: [R, D], rows with a stride.
///   - partials: Scratch of at least `partialCount(rows: R)` rows of D.
///   - pool: Where the rows run.
package func addBiasBackward(_ dbias: Tensor, _ dy: Matrix, partials: Tensor, on pool: WorkerPool) {
  checkShape(dbias, Shape(dy.columns), "dbias")
  let sums = partials.view(Shape(partialCount(rows: dy.rows), dy.columns))
  pool.runRanges(of: dy.rows, grain: rowBlock, with: (dy, sums)) { context, range in
    let (dy, sums) = context
    let sum = unsafe sums.pointer + range.lowerBound / rowBlock * dy.columns
    unsafe sum.update(repeating: 0, count: dy.columns)
    unsafe rn_sum_rows(
      sum, dy.pointer + range.lowerBound * dy.stride, Int64(range.count), Int64(dy.columns), Int64(dy.stride))
  }
  addRows(dbias, sums)
}
