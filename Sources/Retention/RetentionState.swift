internal import Glibc
package import Tensors

/// The recurrent state of retention: S [K, V] for each sequence and head, kept as S = scale · stored.
///
/// A Float32 number cannot shrink by 2^-25 of itself per token, however exact γ is. So the Float64 scale takes the
/// decay, and an incoming key is divided by the scale. The stored part is rescaled when the scale falls below ½
/// (docs/MATH.md, eq. 9). Every form changes the scale by the same rule, `ScaleStep`.
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

  /// Clears the state.
  package func clear(on pool: WorkerPool) {
    stored.clear(on: pool)
    for index in 0..<scales.count { scales[index] = 1 }
  }

  /// Copies another state of the same shape.
  package func copy(_ other: RetentionState, on pool: WorkerPool) {
    stored.copy(other.stored, on: pool)
    for index in 0..<scales.count { scales[index] = other.scales[index] }
  }

  /// The stored part of one sequence and head [K, V].
  func matrix(_ b: Int, _ h: Int) -> Matrix { Matrix(tensor(b, h)) }

  func tensor(_ b: Int, _ h: Int) -> Tensor {
    let (keyWidth, valueWidth) = (stored.shape[2], stored.shape[3])
    return stored.view(Shape(keyWidth, valueWidth), at: (b * stored.shape[1] + h) * keyWidth * valueWidth)
  }

  /// S itself, scale · stored [B, H, K, V], for comparison and for files.
  package var values: [Double] {
    let size = stored.shape[2] * stored.shape[3]
    return stored.values.enumerated().map { Double($0.element) * scales[$0.offset / size] }
  }

  func check(_ shape: RetentionShape, in operation: StaticString) {
    checkShape(stored, Shape(shape.batch, shape.heads, shape.keyWidth, shape.valueWidth), "state", in: operation)
  }
}

/// How the scale and the stored part change over tokens whose decay is `power` = γ^length (docs/MATH.md, eq. 9).
struct ScaleStep {
  /// Factor of the stored part.
  let keep: Double
  /// The scale afterwards, by which an added k vᵀ is divided.
  let scale: Double

  init(scale: Double, power: Double) {
    let decayed = scale * power
    (keep, self.scale) = decayed < 0.5 ? (decayed, 1) : (1, decayed)
  }
}
