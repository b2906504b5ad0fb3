internal import Retention
internal import Tensors

/// The activations of a mixer, R = B·T rows, kept for the backward.
struct MixerActivations: Sendable {
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
  ///   - shape: The extents of the longest call; R = B·T.
  ///   - form: The form of the calls.
  init(_ configuration: ModelConfiguration, shape: RetentionShape, form: RetentionForm) {
    let (c, rows) = (configuration, shape.batch * shape.time)
    projected = ProjectedRows(c, rows: rows)
    retained = Tensor(Shape(rows, c.valueWidth))
    scoreFactors = c.scoreNorm == .none ? nil : Tensor(Shape(rows * c.heads))
    headMean = Tensor(Shape(rows, c.heads))
    headInverse = Tensor(Shape(rows, c.heads))
    gated = Tensor(Shape(rows, c.valueWidth))
    states = form.chunkCount(time: shape.time).map { ChunkStates(shape, chunks: $0) }
  }

  /// Bytes of what `init` allocates.
  static func byteCount(_ c: ModelConfiguration, shape: RetentionShape, form: RetentionForm) -> Double {
    let numbersPerRow = ProjectionColumns(c).count + 2 * c.valueWidth + (c.scoreNorm == .none ? 2 : 3) * c.heads
    return Tensor.byteCount(shape.batch * shape.time, numbersPerRow)
      + (form.chunkCount(time: shape.time).map { ChunkStates.byteCount(shape, chunks: $0) } ?? 0)
  }

  private init(_ other: MixerActivations, rows: Int) {
    projected = other.projected.prefix(rows)
    retained = other.retained.prefix(rows)
    scoreFactors = other.scoreFactors.map { $0.prefix(rows * other.headMean.shape[1]) }
    headMean = other.headMean.prefix(rows)
    headInverse = other.headInverse.prefix(rows)
    gated = other.gated.prefix(rows)
    states = other.states
  }

  /// A view of the first rows, for a shorter call.
  func prefix(_ rows: Int) -> MixerActivations { MixerActivations(self, rows: rows) }
}

/// q, k, v and g of some rows, next to each other in one tensor.
struct ProjectedRows: Sendable {
  /// [R, P].
  let all: Tensor
  private let columns: ProjectionColumns

  init(_ configuration: ModelConfiguration, rows: Int) {
    columns = ProjectionColumns(configuration)
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

/// Intermediate gradients of a mixer; all layers share the memory.
struct MixerScratch: Sendable {
  let dprojected: ProjectedRows
  let dretained: Tensor
  let dstates: ChunkStates?

  init(_ configuration: ModelConfiguration, shape: RetentionShape, form: RetentionForm) {
    let rows = shape.batch * shape.time
    dprojected = ProjectedRows(configuration, rows: rows)
    dretained = Tensor(Shape(rows, configuration.valueWidth))
    dstates = form.chunkCount(time: shape.time).map { ChunkStates(shape, chunks: $0) }
  }

  /// Bytes of what `init` allocates.
  static func byteCount(_ c: ModelConfiguration, shape: RetentionShape, form: RetentionForm) -> Double {
    Tensor.byteCount(shape.batch * shape.time, ProjectionColumns(c).count + c.valueWidth)
      + (form.chunkCount(time: shape.time).map { ChunkStates.byteCount(shape, chunks: $0) } ?? 0)
  }

  /// The widest gradient of a mixer that is summed over rows: of a bias, or of the head norm's weight and bias.
  static func widestSum(_ c: ModelConfiguration) -> Int {
    max(ProjectionColumns(c).count, (c.hasHeadNormBias ? 2 : 1) * c.valueWidth)
  }
}
