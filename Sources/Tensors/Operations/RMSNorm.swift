internal import CKernels

/// Rows in one task of a row operation.
///
/// Weight gradients are summed within such a block, then over the blocks in order. So the number must not depend on
/// the number of threads.
package let rowBlock = 64

/// Number of partial sums of a weight gradient over `rows` rows.
package func partialCount(rows: Int) -> Int { (rows + rowBlock - 1) / rowBlock }

/// RMSNorm of each row: y = w ⊙ x / rms(x), rms(x)² = mean x² + ε (docs/MATH.md, eq. 13).
///
/// - Parameters:
///   - y: [R, D].
///   - inverse: Receives 1 / rms of each row [R], for the backward.
///   - x: [R, D].
///   - weight: [D], or nil for ones.
///   - epsilon: Added to the mean square.
///   - pool: Where the rows run.
package func rmsNorm(
  _ y: Tensor, inverse: Tensor, _ x: Tensor, weight: Tensor?, epsilon: Float, on pool: WorkerPool
) {
  let (rows, width) = (x.shape[0], x.shape[1])
  checkShape(y, Shape(rows, width), "y")
  checkShape(inverse, Shape(rows), "inverse")
  if let weight { checkShape(weight, Shape(width), "weight") }
  pool.runRanges(of: rows, grain: rowBlock, with: (y, inverse, x, weight, epsilon)) { context, range in
    let (y, inverse, x, weight, epsilon) = context
    let (first, width) = (range.lowerBound, x.shape[1])
    unsafe rn_rms_norm_forward(
      y.pointer + first * width, inverse.pointer + first, x.pointer + first * width, weight?.pointer,
      Int64(range.count), Int64(width), epsilon)
  }
}

/// The backward of `rmsNorm` (docs/MATH.md, eq. 14): dx = addend + …, dweight += ….
///
/// - Parameters:
///   - dx: [R, D]; may be `addend`.
///   - dweight: [D], added to, or nil.
///   - addend: The gradient that reaches x through the residual sum [R, D], or nil.
///   - dy: [R, D].
///   - x: The forward's input [R, D].
///   - weight: [D] or nil.
///   - inverse: As the forward wrote it [R].
///   - partials: Scratch of at least `partialCount(rows: R)` rows of D.
///   - pool: Where the rows run.
package func rmsNormBackward(
  _ dx: Tensor, dweight: Tensor?, addend: Tensor?, _ dy: Tensor, _ x: Tensor, weight: Tensor?, inverse: Tensor,
  partials: Tensor, on pool: WorkerPool
) {
  let (rows, width) = (x.shape[0], x.shape[1])
  checkShape(dx, Shape(rows, width), "dx")
  checkShape(dy, Shape(rows, width), "dy")
  checkShape(inverse, Shape(rows), "inverse")
  if let dweight { checkShape(dweight, Shape(width), "dweight") }
  if let weight { checkShape(weight, Shape(width), "weight") }
  if let addend { checkShape(addend, Shape(rows, width), "addend") }
  let sums = partials.view(Shape(partialCount(rows: rows), width))
  pool.runRanges(
    of: rows, grain: rowBlock, with: (dx, addend, dy, x, weight, inverse, sums, dweight != nil)
  ) { context, range in
    let (dx, addend, dy, x, weight, inverse, sums, wanted) = context
    let (first, width) = (range.lowerBound, x.shape[1])
    let sum = unsafe sums.pointer + first / rowBlock * width
    if wanted { unsafe sum.update(repeating: 0, count: width) }
    unsafe rn_rms_norm_backward(
      dx.pointer + first * width, wanted ? sum : nil, addend.map { unsafe $0.pointer + first * width },
      dy.pointer + first * width, x.pointer + first * width, weight?.pointer, inverse.pointer + first,
      Int64(range.count), Int64(width))
  }
  if let dweight { addRows(dweight, sums) }
}

/// y += each row of x, in order, on the calling thread.
///
/// - Parameters:
///   - y: [D].
///   - x: [R, D].
package func addRows(_ y: Tensor, _ x: Tensor) {
  checkShape(y, Shape(x.shape[1]), "y")
  for row in 0..<x.shape[0] { unsafe rn_add(y.pointer, x.pointer + row * x.shape[1], Int64(x.shape[1])) }
}
