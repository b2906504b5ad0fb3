internal import CKernels

/// z = silu(g) ⊙ w ⊙ o / rms(o): the head norm and the gate after retention (docs/MATH.md, eq. 15).
///
/// - Parameters:
///   - z: [R, H·V].
///   - inverse: 1 / rms of each head of each row [R, H].
///   - o: The heads' outputs [R, H·V].
///   - g: Gate before its activation [R, H·V], rows with a stride.
///   - weight: [V], shared by all heads, or nil for ones.
///   - epsilon: Added to the mean square.
///   - pool: Where the rows run.
package func gatedNorm(
  _ z: Tensor, inverse: Tensor, _ o: Tensor, _ g: Matrix, weight: Tensor?, epsilon: Float, on pool: WorkerPool
) {
  let (rows, heads) = (inverse.shape[0], inverse.shape[1])
  let width = o.shape[1] / heads
  checkShape(o, Shape(rows, heads * width), "o")
  checkShape(z, Shape(rows, heads * width), "z")
  if let weight { checkShape(weight, Shape(width), "weight") }
  precondition(g.rows == rows && g.columns == heads * width, "gatedNorm: g is [\(g.rows), \(g.columns)]")
  pool.runRanges(of: rows, grain: rowBlock, with: (z, inverse, o, g, weight, epsilon)) { context, range in
    let (z, inverse, o, g, weight, epsilon) = context
    let (first, heads, total) = (range.lowerBound, inverse.shape[1], o.shape[1])
    unsafe rn_gated_norm_forward(
      z.pointer + first * total, inverse.pointer + first * heads, o.pointer + first * total,
      g.pointer + first * g.stride, weight?.pointer, Int64(range.count), Int64(heads), Int64(total / heads),
      Int64(g.stride), epsilon)
  }
}

/// The backward of `gatedNorm` (docs/MATH.md, eq. 16): writes do and dg, adds to dweight.
///
/// - Parameters:
///   - d_o: [R, H·V]; may be `dz`.
///   - dg: [R, H·V], rows with a stride.
///   - dweight: [V] to add to, or nil.
///   - dz: [R, H·V].
///   - o: The forward's input [R, H·V].
///   - g: The forward's gate.
///   - weight: [V] or nil.
///   - inverse: As the forward left it [R, H].
///   - partials: Scratch of at least `partialCount(rows: R)` rows of V.
///   - pool: Where the rows run.
package func gatedNormBackward(
  _ d_o: Tensor, dg: Matrix, dweight: Tensor?, _ dz: Tensor, _ o: Tensor, _ g: Matrix, weight: Tensor?,
  inverse: Tensor, partials: Tensor, on pool: WorkerPool
) {
  let (rows, heads) = (inverse.shape[0], inverse.shape[1])
  let width = o.shape[1] / heads
  checkShape(d_o, Shape(rows, heads * width), "do")
  checkShape(dz, Shape(rows, heads * width), "dz")
  checkShape(o, Shape(rows, heads * width), "o")
  precondition(g.rows == rows && g.columns == heads * width, "gatedNormBackward: g is [\(g.rows), \(g.columns)]")
  precondition(dg.rows == rows && dg.columns == heads * width, "gatedNormBackward: dg is [\(dg.rows), \(dg.columns)]")
  if let weight { checkShape(weight, Shape(width), "weight") }
  if let dweight { checkShape(dweight, Shape(width), "dweight") }
  precondition(dweight == nil || weight != nil, "gatedNormBackward: a gradient for a weight that is not there")
  let sums = partials.view(Shape(partialCount(rows: rows), width))
  pool.runRanges(
    of: rows, grain: rowBlock, with: (d_o, dg, dz, o, g, weight, inverse, sums, dweight != nil)
  ) { context, range in
    let (d_o, dg, dz, o, g, weight, inverse, sums, wanted) = context
    let (first, heads, total) = (range.lowerBound, inverse.shape[1], o.shape[1])
    let sum = unsafe sums.pointer + first / rowBlock * (total / heads)
    if wanted { unsafe sum.update(repeating: 0, count: total / heads) }
    unsafe rn_gated_norm_backward(
      d_o.pointer + first * total, dg.pointer + first * dg.stride, wanted ? sum : nil, dz.pointer + first * total,
      o.pointer + first * total, g.pointer + first * g.stride, weight?.pointer, inverse.pointer + first * heads,
      Int64(range.count), Int64(heads), Int64(total / heads), Int64(g.stride), Int64(dg.stride))
  }
  if let dweight { addRows(dweight, sums) }
}

/// h = silu(a) ⊙ b, where each row of ab is a then b (docs/MATH.md, eq. 17).
///
/// - Parameters:
///   - h: [R, F].
///   - ab: [R, 2F].
///   - pool: Where the rows run.
package func swiGLU(_ h: Tensor, _ ab: Tensor, on pool: WorkerPool) {
  let (rows, width) = (h.shape[0], h.shape[1])
  checkShape(ab, Shape(rows, 2 * width), "ab")
  pool.runRanges(of: rows, grain: rowBlock, with: (h, ab)) { context, range in
    let (h, ab) = context
    let (first, width) = (range.lowerBound, h.shape[1])
    unsafe rn_swiglu_forward(
      h.pointer + first * width, ab.pointer + first * 2 * width, Int64(range.count), Int64(width))
  }
}

/// The backward of `swiGLU` (docs/MATH.md, eq. 18).
///
/// - Parameters:
///   - dab: [R, 2F]; may be `ab`.
///   - dh: [R, F].
///   - ab: The forward's input [R, 2F].
///   - pool: Where the rows run.
package func swiGLUBackward(_ dab: Tensor, _ dh: Tensor, _ ab: Tensor, on pool: WorkerPool) {
  let (rows, width) = (dh.shape[0], dh.shape[1])
  checkShape(ab, Shape(rows, 2 * width), "ab")
  checkShape(dab, Shape(rows, 2 * width), "dab")
  pool.runRanges(of: rows, grain: rowBlock, with: (dab, dh, ab)) { context, range in
    let (dab, dh, ab) = context
    let (first, width) = (range.lowerBound, dh.shape[1])
    unsafe rn_swiglu_backward(
      dab.pointer + first * 2 * width, dh.pointer + first * width, ab.pointer + first * 2 * width,
      Int64(range.count), Int64(width))
  }
}
