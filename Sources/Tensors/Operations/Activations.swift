internal import CKernels

/// The nonlinearity of the feed-forward part (docs/MATH.md, eq. 17, 27 and 41).
package enum Activation: String, CaseIterable, Sendable {
  /// x σ(x), also called swish.
  case silu
  /// x Φ(x), computed with erf, not with the tanh approximation.
  case gelu
  case relu
  /// max(0, x)².
  case reluSquared = "relu2"

  var code: Int32 {
    switch self {
    case .silu: Int32(RN_SILU)
    case .gelu: Int32(RN_GELU)
    case .relu: Int32(RN_RELU)
    case .reluSquared: Int32(RN_RELU_SQUARED)
    }
  }
}

/// Gated linear unit: h = f(a) ⊙ b, where each row of ab is a, then b (docs/MATH.md, eq. 17).
///
/// - Parameters:
///   - h: [R, F].
///   - ab: [R, 2F].
///   - activation: f.
///   - pool: Where the rows run.
package func gatedLinearUnit(_ h: Tensor, _ ab: Tensor, activation: Activation, on pool: WorkerPool) {
  let (rows, width) = (h.shape[0], h.shape[1])
  checkShape(ab, Shape(rows, 2 * width), "ab")
  pool.runRanges(of: rows, grain: rowBlock, with: (h, ab, activation)) { context, range in
    let (h, ab, activation) = context
    let (first, width) = (range.lowerBound, h.shape[1])
    unsafe rn_glu_forward(
      h.pointer + first * width, ab.pointer + first * 2 * width, Int64(range.count), Int64(width), activation.code)
  }
}

/// The backward of `gatedLinearUnit` (docs/MATH.md, eq. 18).
///
/// - Parameters:
///   - dab: [R, 2F]; may be `ab`.
///   - dh: [R, F].
///   - ab: The forward's input [R, 2F].
///   - activation: f.
///   - pool: Where the rows run.
package func gatedLinearUnitBackward(
  _ dab: Tensor, _ dh: Tensor, _ ab: Tensor, activation: Activation, on pool: WorkerPool
) {
  let (rows, width) = (dh.shape[0], dh.shape[1])
  checkShape(ab, Shape(rows, 2 * width), "ab")
  checkShape(dab, Shape(rows, 2 * width), "dab")
  pool.runRanges(of: rows, grain: rowBlock, with: (dab, dh, ab, activation)) { context, range in
    let (dab, dh, ab, activation) = context
    let (first, width) = (range.lowerBound, dh.shape[1])
    unsafe rn_glu_backward(
      dab.pointer + first * 2 * width, dh.pointer + first * width, ab.pointer + first * 2 * width, Int64(range.count),
      Int64(width), activation.code)
  }
}

/// h = f(a), element by element.
///
/// - Parameters:
///   - h: [R, F]; may be `a`.
///   - a: [R, F].
///   - activation: f.
///   - pool: Where the rows run.
package func activate(_ h: Tensor, _ a: Tensor, activation: Activation, on pool: WorkerPool) {
  checkShape(h, a.shape, "h")
  pool.runRanges(of: a.shape[0], grain: rowBlock, with: (h, a, activation)) { context, range in
    let (h, a, activation) = context
    let (first, width) = (range.lowerBound, a.shape[1])
    unsafe rn_activation_forward(
      h.pointer + first * width, a.pointer + first * width, Int64(range.count * width), activation.code)
  }
}

/// The backward of `activate`: da = dh ⊙ f'(a).
///
/// - Parameters:
///   - da: [R, F]; may be `dh`.
///   - dh: [R, F].
///   - a: The forward's input [R, F].
///   - activation: f.
///   - pool: Where the rows run.
package func activateBackward(_ da: Tensor, _ dh: Tensor, _ a: Tensor, activation: Activation, on pool: WorkerPool) {
  checkShape(dh, a.shape, "dh")
  checkShape(da, a.shape, "da")
  pool.runRanges(of: a.shape[0], grain: rowBlock, with: (da, dh, a, activation)) { context, range in
    let (da, dh, a, activation) = context
    let (first, width) = (range.lowerBound, a.shape[1])
    unsafe rn_activation_backward(
      da.pointer + first * width, dh.pointer + first * width, a.pointer + first * width, Int64(range.count * width),
      activation.code)
  }
}
