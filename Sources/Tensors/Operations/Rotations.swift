internal import CKernels

/// Which numbers of a head's row form a pair (docs/MATH.md, eq. 4).
package enum RotationLayout: String, CaseIterable, Sendable {
  /// (i, i + K/2): GPT-NeoX, flash-linear-attention.
  case halfSplit = "half_split"
  /// (2i, 2i + 1): the paper's code, torchscale.
  case interleaved
}

/// Rotates each pair of each head by the angle of its row's position, and multiplies by `scale`, in place.
///
/// Source: docs/MATH.md, eq. 4.
///
/// - Parameters:
///   - x: [B·T, H·K], rows with a stride; row r has position r mod T.
///   - cosine: Cosines of the angles [T, K/2].
///   - sine: Sines [T, K/2].
///   - layout: Which numbers form a pair.
///   - inverse: Whether to rotate back: the backward of the rotation.
///   - scale: Factor of the result.
///   - pool: Where the rows run.
package func rotate(
  _ x: Matrix, cosine: Tensor, sine: Tensor, layout: RotationLayout, inverse: Bool, scale: Float, on pool: WorkerPool
) {
  let width = 2 * cosine.shape[1]
  checkShape(sine, cosine.shape, "sine")
  precondition(x.columns % width == 0, "rotate: \(x.columns) columns are not heads of \(width)")
  guard x.rows > 0 else { return }
  precondition(x.rows % cosine.shape[0] == 0, "rotate: \(x.rows) rows are not sequences of \(cosine.shape[0])")
  pool.runRanges(
    of: x.rows, grain: rowBlock, with: (x, cosine, sine, layout, inverse ? Float(-1) : 1, scale)
  ) { context, range in
    let (x, cosine, sine, layout, sign, scale) = context
    let width = 2 * cosine.shape[1]
    let kernel = layout == .halfSplit ? unsafe rn_rotate_half_split : unsafe rn_rotate_interleaved
    unsafe kernel(
      x.pointer, cosine.pointer, sine.pointer, Int64(range.lowerBound), Int64(range.count), Int64(cosine.shape[0]),
      Int64(x.columns / width), Int64(width), Int64(x.stride), sign, scale)
  }
}
