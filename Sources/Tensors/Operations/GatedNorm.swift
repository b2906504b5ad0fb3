internal import CKernels

/// The kind of a norm.
package enum NormKind: String, CaseIterable, Sendable {
  /// No norm: the ablation "no head norm".
  case none
  /// Divides by the root mean square (Zhang & Sennrich 2019).
  case rms
  /// Subtracts the mean and divides by the standard deviation (Ba, Kiros & Hinton 2016).
  case layer

  var code: Int32 {
    switch self {
    case .none: Int32(RN_NO_NORM)
    case .rms: Int32(RN_RMS_NORM)
    case .layer: Int32(RN_LAYER_NORM)
    }
  }
}

/// The head norm and the gate after retention: z = silu(g) ⊙ (w ⊙ norm(o) + b) (docs/MATH.md, eq. 15).
///
/// - Parameters:
///   - z: [R, H·V].
///   - mean: Receives what the norm subtracts from each head of each row [R, H].
///   - inverse: Receives the factor of the norm [R, H].
///   - o: The heads' outputs [R, H·V].
///   - g: Gate before its activation [R, H·V], rows with a stride; nil without a gate.
///   - norm: The norm, applied to each head separately.
///   - weight: [V], shared by all heads, or [H·V]; nil for ones.
///   - bias: The weight's shape; nil for zeros.
///   - epsilon: Added to the mean square, or to the variance of a layer norm.
///   - pool: Where the rows run.
package func gatedNorm(
  _ z: Tensor, mean: Tensor, inverse: Tensor, _ o: Tensor, _ g: Matrix?, norm: NormKind, weight: Tensor?,
  bias: Tensor? = nil, epsilon: Float, on pool: WorkerPool
) {
  let (rows, heads) = (inverse.shape[0], inverse.shape[1])
  let width = o.shape[1] / heads
  checkShape(o, Shape(rows, heads * width), "o")
  checkShape(z, Shape(rows, heads * width), "z")
  checkShape(mean, Shape(rows, heads), "mean")
  checkGate(g, rows: rows, columns: heads * width)
  let weightStride = headWeightStride(weight, bias, heads: heads, width: width)
  pool.runRanges(
    of: rows, grain: rowBlock, with: (z, mean, inverse, o, g, norm, weight, bias, weightStride, epsilon)
  ) { context, range in
    let (z, mean, inverse, o, g, norm, weight, bias, weightStride, epsilon) = context
    let (first, heads, total) = (range.lowerBound, inverse.shape[1], o.shape[1])
    unsafe rn_gated_norm_forward(
      z.pointer + first * total, mean.pointer + first * heads, inverse.pointer + first * heads,
      o.pointer + first * total, g.map { unsafe UnsafePointer($0.pointer + first * $0.stride) }, weight?.pointer,
      bias?.pointer, Int64(range.count), Int64(heads), Int64(total / heads), Int64(g?.stride ?? 0),
      Int64(weightStride), norm.code, epsilon)
  }
}

/// The backward of `gatedNorm` (docs/MATH.md, eq. 16): writes do and dg, adds to dweight and dbias.
///
/// - Parameters:
///   - d_o: [R, H·V]; may be `dz`.
///   - dg: [R, H·V], rows with a stride; nil without a gate.
///   - dweight: As many numbers as the weight, added to, or nil.
///   - dbias: As many numbers as the bias, added to, or nil.
///   - dz: [R, H·V].
///   - o: The forward's input [R, H·V].
///   - g: The forward's gate.
///   - norm: As in the forward.
///   - weight: As in the forward.
///   - bias: As in the forward.
///   - mean: As the forward wrote it [R, H].
///   - inverse: As the forward wrote it [R, H].
///   - partials: Scratch of at least `partialCount(rows: R)` rows of the counts of dweight and dbias together.
///   - pool: Where the rows run.
package func gatedNormBackward(
  _ d_o: Tensor, dg: Matrix?, dweight: Tensor?, dbias: Tensor? = nil, _ dz: Tensor, _ o: Tensor, _ g: Matrix?,
  norm: NormKind, weight: Tensor?, bias: Tensor? = nil, mean: Tensor, inverse: Tensor, partials: Tensor,
  on pool: WorkerPool
) {
  let (rows, heads) = (inverse.shape[0], inverse.shape[1])
  let width = o.shape[1] / heads
  checkShape(d_o, Shape(rows, heads * width), "do")
  checkShape(dz, Shape(rows, heads * width), "dz")
  checkShape(o, Shape(rows, heads * width), "o")
  checkShape(mean, Shape(rows, heads), "mean")
  checkGate(g, rows: rows, columns: heads * width)
  checkGate(dg, rows: rows, columns: heads * width)
  precondition((g == nil) == (dg == nil), "gatedNormBackward: a gate without its gradient, or the reverse")
  precondition(
    dweight?.count ?? 0 == weight?.count ?? 0 || dweight == nil, "gatedNormBackward: dweight is not weight's shape")
  precondition(dbias?.count ?? 0 == bias?.count ?? 0 || dbias == nil, "gatedNormBackward: dbias is not bias's shape")
  let weightStride = headWeightStride(weight, bias, heads: heads, width: width)
  let blocks = partialCount(rows: rows)
  let sums = dweight.map { partials.view(Shape(blocks, $0.count)) }
  let biasSums = dbias.map { partials.view(Shape(blocks, $0.count), at: blocks * (dweight?.count ?? 0)) }
  pool.runRanges(
    of: rows, grain: rowBlock,
    with: ((d_o, dg), (dz, o, g), (weight, bias, weightStride), (sums, biasSums), mean, inverse, norm)
  ) { context, range in
    let ((d_o, dg), (dz, o, g), (weight, bias, weightStride), (sums, biasSums), mean, inverse, norm) = context
    let (first, heads, total) = (range.lowerBound, inverse.shape[1], o.shape[1])
    /// The block's row of partial sums, cleared.
    func clearedRow(_ sums: Tensor?) -> UnsafeMutablePointer<Float>? {
      guard let sums else { return nil }
      let row = unsafe sums.pointer + first / rowBlock * sums.shape[1]
      unsafe row.update(repeating: 0, count: sums.shape[1])
      return unsafe row
    }
    unsafe rn_gated_norm_backward(
      d_o.pointer + first * total, dg.map { unsafe $0.pointer + first * $0.stride }, clearedRow(sums),
      clearedRow(biasSums), dz.pointer + first * total, o.pointer + first * total,
      g.map { unsafe UnsafePointer($0.pointer + first * $0.stride) }, weight?.pointer, bias?.pointer,
      mean.pointer + first * heads, inverse.pointer + first * heads, Int64(range.count), Int64(heads),
      Int64(total / heads), Int64(g?.stride ?? 0), Int64(dg?.stride ?? 0), Int64(weightStride), norm.code)
  }
  if let dweight, let sums { addRows(dweight, sums) }
  if let dbias, let biasSums { addRows(dbias, biasSums) }
}

/// Distance between the weights, and the biases, of two heads; 0 if all heads share them.
private func headWeightStride(_ weight: Tensor?, _ bias: Tensor?, heads: Int, width: Int) -> Int {
  guard let count = weight?.count ?? bias?.count else { return 0 }
  precondition(count == width || count == heads * width, "gatedNorm: weight [\(count)] for \(heads) × \(width)")
  precondition(bias.map { $0.count == count } ?? true, "gatedNorm: bias \(bias?.count ?? 0), weight \(count)")
  return count == width ? 0 : width
}

private func checkGate(_ g: Matrix?, rows: Int, columns: Int) {
  guard let g else { return }
  precondition(
    g.rows == rows && g.columns == columns, "gatedNorm: gate [\(g.rows), \(g.columns)] for [\(rows), \(columns)]")
}
