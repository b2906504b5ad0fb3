internal import CKernels

/// y = a x + b z with learned scalars a and b (docs/MATH.md, eq. 38).
///
/// - Parameters:
///   - y: [R, D]; may be `x`.
///   - x: [R, D].
///   - z: [R, D].
///   - factors: a [1] and b [1].
///   - pool: Where the blocks run.
package func weightedSum(
  _ y: Tensor, _ x: Tensor, _ z: Tensor, factors: (x: Tensor, z: Tensor), on pool: WorkerPool
) {
  checkShape(y, x.shape, "y")
  checkShape(z, x.shape, "z")
  checkFactors(factors)
  pool.runRanges(of: x.count, grain: elementBlock, with: (y, x, z, factors.x[0], factors.z[0])) { context, range in
    let (y, x, z, a, b) = context
    let first = range.lowerBound
    unsafe rn_weighted_sum(y.pointer + first, x.pointer + first, z.pointer + first, a, b, Int64(range.count))
  }
}

/// The backward of `weightedSum` (docs/MATH.md, eq. 39): dx = a dy, dz += b dy, da += Σ dy ⊙ x, db += Σ dy ⊙ z.
///
/// - Parameters:
///   - dx: [R, D]; may be `dy`.
///   - dz: [R, D], added to.
///   - dfactors: da [1] and db [1], added to.
///   - dy: [R, D].
///   - x: As in the forward.
///   - z: As in the forward.
///   - factors: As in the forward.
///   - partials: Scratch of at least `partialCount(rows: R)` · 2 D numbers.
///   - pool: Where the blocks run.
package func weightedSumBackward(
  _ dx: Tensor, dz: Tensor, dfactors: (x: Tensor, z: Tensor), _ dy: Tensor, _ x: Tensor, _ z: Tensor,
  factors: (x: Tensor, z: Tensor), partials: Tensor, on pool: WorkerPool
) {
  checkShape(dx, dy.shape, "dx")
  checkShape(dz, dy.shape, "dz")
  checkShape(x, dy.shape, "x")
  checkShape(z, dy.shape, "z")
  checkFactors(factors)
  checkFactors(dfactors)
  // Summed within a block, then over the blocks in order.
  let blocks = dy.sumBlockCount
  let sums = partials.view(Shape(blocks, 2))
  pool.runRanges(
    of: dy.count, grain: elementBlock, with: (dx, dz, dy, x, z, factors.x[0], factors.z[0], sums)
  ) { context, range in
    let (dx, dz, dy, x, z, a, b, sums) = context
    let first = range.lowerBound
    let sum = unsafe sums.pointer + 2 * (first / elementBlock)
    unsafe rn_weighted_sum_backward(
      dx.pointer + first, dz.pointer + first, sum, sum + 1, dy.pointer + first, x.pointer + first, z.pointer + first,
      a, b, Int64(range.count))
  }
  var (da, db) = (0.0, 0.0)
  for block in 0..<blocks {
    da += Double(sums[2 * block])
    db += Double(sums[2 * block + 1])
  }
  dfactors.x[0] += Float(da)
  dfactors.z[0] += Float(db)
}

private func checkFactors(_ factors: (x: Tensor, z: Tensor)) {
  checkShape(factors.x, Shape(1), "factors.x")
  checkShape(factors.z, Shape(1), "factors.z")
}
