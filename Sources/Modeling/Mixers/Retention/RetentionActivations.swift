package import Retention
internal import Tensors

/// The activations of retention, R = B·T rows, kept for the backward.
final class RetentionActivations: MixerActivations {
  /// q, k, v, g side by side [R, P]; q and k rotated.
  let projected: ProjectedRows
  /// The heads' outputs, divided by their score norm [R, H·V].
  let retained: Tensor
  /// 1 / score norm [R·H].
  let scoreFactors: Tensor?
  /// The mean that the head norm subtracts from each head [R, H]; 0 unless it is a layer norm.
  let headMean: Tensor
  /// The factor of the head norm [R, H]; 1 without a norm.
  let headInverse: Tensor
  /// Normed heads, times the gate [R, H·V].
  let gated: Tensor
  /// The states that enter the chunks; nil unless the form is chunkwise.
  let states: ChunkStates?

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - shape: The longest call.
  init(_ configuration: ModelConfiguration, _ shape: CallShape) {
    let (c, rows) = (configuration, shape.rows)
    projected = ProjectedRows(ProjectionColumns(c), rows: rows)
    retained = Tensor(Shape(rows, c.valueWidth))
    scoreFactors = c.scoreNorm == .none ? nil : Tensor(Shape(rows * c.heads))
    headMean = Tensor(Shape(rows, c.heads))
    headInverse = Tensor(Shape(rows, c.heads))
    gated = Tensor(Shape(rows, c.valueWidth))
    states = shape.form.chunkCount(time: shape.time).map { ChunkStates(c.retentionShape(shape), chunks: $0) }
  }

  /// Bytes of what `init` allocates.
  static func byteCount(_ c: ModelConfiguration, _ shape: CallShape) -> Double {
    let numbersPerRow = ProjectionColumns(c).count + 2 * c.valueWidth + (c.scoreNorm == .none ? 2 : 3) * c.heads
    return Tensor.byteCount(shape.rows, numbersPerRow)
      + (shape.form.chunkCount(time: shape.time).map { ChunkStates.byteCount(c.retentionShape(shape), chunks: $0) } ?? 0)
  }

  private init(_ other: RetentionActivations, rows: Int) {
    projected = other.projected.prefix(rows)
    retained = other.retained.prefix(rows)
    scoreFactors = other.scoreFactors.map { $0.prefix(rows * other.headMean.shape[1]) }
    headMean = other.headMean.prefix(rows)
    headInverse = other.headInverse.prefix(rows)
    gated = other.gated.prefix(rows)
    states = other.states
  }

  func prefix(_ rows: Int) -> RetentionActivations { RetentionActivations(self, rows: rows) }
}

/// q, k, v and g of some rows, next to each other in one tensor.
struct ProjectedRows: Sendable {
  /// [R, P].
  let all: Tensor
  private let columns: ProjectionColumns

  init(_ columns: ProjectionColumns, rows: Int) {
    self.columns = columns
    all = Tensor(Shape(rows, columns.count))
  }

  private init(_ all: Tensor, _ columns: ProjectionColumns) { (self.all, self.columns) = (all, columns) }

  /// A view of the first rows, for a shorter call.
  func prefix(_ rows: Int) -> ProjectedRows { ProjectedRows(all.prefix(rows), columns) }

  /// [R, H·K].
  var q: Matrix { Matrix(all).columns(columns.q) }
  /// [R, Hk·K].
  var k: Matrix { Matrix(all).columns(columns.k) }
  /// [R, Hk·V].
  var v: Matrix { Matrix(all).columns(columns.v) }
  /// [R, H·V]; nil without a gate.
  var g: Matrix? { columns.g.map { Matrix(all).columns($0) } }
}

/// Intermediate gradients of retention.
final class RetentionScratch: MixerScratch {
  let dprojected: ProjectedRows
  let dretained: Tensor
  let dstates: ChunkStates?

  init(_ configuration: ModelConfiguration, _ shape: CallShape) {
    dprojected = ProjectedRows(ProjectionColumns(configuration), rows: shape.rows)
    dretained = Tensor(Shape(shape.rows, configuration.valueWidth))
    dstates = shape.form.chunkCount(time: shape.time).map {
      ChunkStates(configuration.retentionShape(shape), chunks: $0)
    }
  }

  /// Bytes of what `init` allocates.
  static func byteCount(_ c: ModelConfiguration, _ shape: CallShape) -> Double {
    Tensor.byteCount(shape.rows, ProjectionColumns(c).count + c.valueWidth)
      + (shape.form.chunkCount(time: shape.time).map { ChunkStates.byteCount(c.retentionShape(shape), chunks: $0) } ?? 0)
  }
}

extension RetentionMixer {
  static func makeActivations(_ c: ModelConfiguration, _ shape: CallShape) -> RetentionActivations {
    RetentionActivations(c, shape)
  }

  static func activationByteCount(_ c: ModelConfiguration, _ shape: CallShape) -> Double {
    RetentionActivations.byteCount(c, shape)
  }

  static func makeScratch(_ c: ModelConfiguration, _ shape: CallShape) -> RetentionScratch {
    RetentionScratch(c, shape)
  }

  static func scratchByteCount(_ c: ModelConfiguration, _ shape: CallShape) -> Double {
    RetentionScratch.byteCount(c, shape)
  }

  /// That of the projections' bias, or of the head norm's weight and bias.
  static func widestSum(_ c: ModelConfiguration) -> Int {
    max(ProjectionColumns(c).count, (c.hasHeadNormBias ? 2 : 1) * c.valueWidth)
  }
}

extension ModelConfiguration {
  /// The extents of retention in a call.
  func retentionShape(_ shape: CallShape) -> RetentionShape { retentionShape(batch: shape.batch, time: shape.time) }

  /// The extents of retention in each layer of this type.
  package func retentionShape(batch: Int, time: Int) -> RetentionShape {
    RetentionShape(
      batch: batch, time: time, heads: heads, keyHeads: keyHeads, keyWidth: keyWidth / heads,
      valueWidth: valueWidth / heads)
  }
}
