internal import Retention
internal import Tensors

/// The activations of attention, R = B·T rows, kept for the backward.
final class AttentionActivations: MixerActivations {
  /// q, k, v side by side [R, P]; q and k rotated.
  let projected: ProjectedRows
  /// The heads' outputs [R, H·K].
  let attended: Tensor
  /// ln Σ e^score of each query [R, H].
  let logSums: Tensor

  init(_ attention: AttentionConfiguration, rows: Int) {
    projected = ProjectedRows(attention.columns, rows: rows)
    attended = Tensor(Shape(rows, attention.queryWidth))
    logSums = Tensor(Shape(rows, attention.heads))
  }

  private init(_ other: AttentionActivations, rows: Int) {
    projected = other.projected.prefix(rows)
    attended = other.attended.prefix(rows)
    logSums = other.logSums.prefix(rows)
  }

  func prefix(_ rows: Int) -> AttentionActivations { AttentionActivations(self, rows: rows) }
}

/// Intermediate gradients of attention.
final class AttentionScratch: MixerScratch {
  let dprojected: ProjectedRows
  let dattended: Tensor
  /// Σ o do of each query [R, H].
  let dots: Tensor

  init(_ attention: AttentionConfiguration, rows: Int) {
    dprojected = ProjectedRows(attention.columns, rows: rows)
    dattended = Tensor(Shape(rows, attention.queryWidth))
    dots = Tensor(Shape(rows, attention.heads))
  }
}

extension AttentionMixer {
  static func makeActivations(_ c: ModelConfiguration, _ shape: CallShape) -> AttentionActivations {
    AttentionActivations(c.attention, rows: shape.rows)
  }

  static func activationByteCount(_ c: ModelConfiguration, _ shape: CallShape) -> Double {
    Tensor.byteCount(shape.rows, c.attention.columns.count + c.attention.queryWidth + c.attention.heads)
  }

  static func makeScratch(_ c: ModelConfiguration, _ shape: CallShape) -> AttentionScratch {
    AttentionScratch(c.attention, rows: shape.rows)
  }

  static func scratchByteCount(_ c: ModelConfiguration, _ shape: CallShape) -> Double {
    activationByteCount(c, shape)
  }

  static func widestSum(_ c: ModelConfiguration) -> Int { c.attention.columns.count }
}
