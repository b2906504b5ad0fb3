internal import Glibc
package import Tensors

/// What retention remembers: for every sequence and head S [K, V], kept as S = scale · stored.
///
/// A Float32 state cannot shrink by 2^-25 a token, whatever rounds γ. So the stored part stays, the scale (Float64)
/// takes the decay, an incoming key is divided by it, and the stored part is rescaled when the scale falls below ½
/// (docs/MATH.md, eq. 9). Every form moves the scale by the same rule, `ScaleStep`.
package struct RetentionState: Sendable {
  /// [B, H, K, V].
  package let stored: Tensor
  /// [B·H], in [½, 1] between calls.
  package let scales: DoubleBuffer

  /// An empty state.
  package init(_ shape: RetentionShape) {
    stored = Tensor(Shape(shape.batch, shape.heads, shape.keyWidth, shape.valueWidth))
    scales = DoubleBuffer(count: shape.batch * shape.heads, repeating: 1)
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(_ shape: RetentionShape) -> Double {
    Tensor.byteCount(shape.batch, shape.heads, shape.keyWidth, shape.valueWidth)
      + DoubleBuffer.byteCount(shape.batch, shape.heads)
  }

  /// Forgets everything.
  package func clear(on pool: WorkerPool) {
    stored.clear(on: pool)
    for index in 0..<scales.count { scales[index] = 1 }
  }

  /// Takes over another state of the same shape.
  package func copy(_ other: RetentionState, on pool: WorkerPool) {
    stored.copy(other.stored, on: pool)
    for index in 0..<scales.count { scales[index] = other.scales[index] }
  }

  /// S of one sequence and head as a matrix of stored numbers [K, V].
  func matrix(_ b: Int, _ h: Int) -> Matrix { Matrix(tensor(b, h)) }

  func tensor(_ b: Int, _ h: Int) -> Tensor {
    let (keyWidth, valueWidth) = (stored.shape[2], stored.shape[3])
    return stored.view(Shape(keyWidth, valueWidth), at: (b * stored.shape[1] + h) * keyWidth * valueWidth)
  }

  /// S itself, scale · stored, as numbers [B, H, K, V]: for comparison and for files.
  package var values: [Double] {
    let size = stored.shape[2] * stored.shape[3]
    return stored.values.enumerated().map { Double($0.element) * scales[$0.offset / size] }
  }

  func check(_ shape: RetentionShape, in operation: StaticString) {
    checkShape(stored, Shape(shape.batch, shape.heads, shape.keyWidth, shape.valueWidth), "state", in: operation)
  }
}

/// How the scaled state passes a stretch of tokens whose decay is `power` = γ^length.
struct ScaleStep {
  /// Factor of the stored part.
  let keep: Double
  /// The scale afterwards: what an added k vᵀ is divided by.
  let scale: Double

  init(scale: Double, power: Double) {
    let decayed = scale * power
    (keep, self.scale) = decayed < 0.5 ? (decayed, 1) : (1, decayed)
  }
}
