internal import Retention
internal import Tensors

/// What one block computes on its way forward, R = B·T rows, kept for the backward.
///
/// Without a backward all blocks may share one set, in which the residual stream is one tensor: `input`, `middle`
/// and the next block's `input` are then the same.
struct BlockActivations: Sendable {
  /// The residual stream as it enters [R, D], its norm, and what the norm found.
  let input: Tensor
  let normed: Tensor
  let statistics: NormStatistics
  /// q, k, v, g side by side [R, P]; q and k rotated.
  let projected: Tensor
  /// Heads' outputs [R, H·V], divided by their score norm; 1 / that norm [R·H].
  let retained: Tensor
  let scoreFactors: Tensor?
  /// What the head norm found [R, H]; gated and normed heads [R, H·V].
  let headMean: Tensor
  let headInverse: Tensor
  let gated: Tensor
  /// The residual stream after retention [R, D], its norm, and what the norm found.
  let middle: Tensor
  let middleNormed: Tensor
  let middleStatistics: NormStatistics
  /// Gate and up side by side [R, 2F], or fc1 [R, F]; what goes down [R, F].
  let expanded: Tensor
  let hidden: Tensor
  /// States that enter the chunks.
  let states: ChunkStates?

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - rows: R.
  ///   - input: The stream that enters.
  ///   - middle: Where the stream goes after retention; `input` itself when no backward follows.
  ///   - states: For the chunkwise form.
  init(_ configuration: ModelConfiguration, rows: Int, input: Tensor, middle: Tensor, states: ChunkStates?) {
    let c = configuration
    self.input = input
    normed = Tensor(Shape(rows, c.width))
    statistics = NormStatistics(rows: rows)
    projected = Tensor(Shape(rows, ProjectionColumns(c).count))
    retained = Tensor(Shape(rows, c.valueWidth))
    scoreFactors = c.scoreNorm == .none ? nil : Tensor(Shape(rows * c.heads))
    headMean = Tensor(Shape(rows, c.heads))
    headInverse = Tensor(Shape(rows, c.heads))
    gated = Tensor(Shape(rows, c.valueWidth))
    self.middle = middle
    middleNormed = Tensor(Shape(rows, c.width))
    middleStatistics = NormStatistics(rows: rows)
    expanded = Tensor(Shape(rows, c.feedForward == .glu ? 2 * c.feedForwardWidth : c.feedForwardWidth))
    hidden = Tensor(Shape(rows, c.feedForwardWidth))
    self.states = states
  }

  /// Bytes of what `init` allocates: neither streams nor states, which are handed to it.
  static func byteCount(_ c: ModelConfiguration, rows: Int) -> Double {
    let expanded = c.feedForward == .glu ? 2 * c.feedForwardWidth : c.feedForwardWidth
    let numbersPerRow =
      2 * c.width + ProjectionColumns(c).count + 2 * c.valueWidth + (c.scoreNorm == .none ? 2 : 3) * c.heads + expanded
      + c.feedForwardWidth
    return Tensor.byteCount(rows, numbersPerRow) + 2 * NormStatistics.byteCount(rows: rows)
  }

  private init(_ other: BlockActivations, rows: Int, input: Tensor) {
    self.input = input
    normed = other.normed.prefix(rows)
    statistics = other.statistics.prefix(rows)
    projected = other.projected.prefix(rows)
    retained = other.retained.prefix(rows)
    scoreFactors = other.scoreFactors.map { $0.prefix(rows * other.headMean.shape[1]) }
    headMean = other.headMean.prefix(rows)
    headInverse = other.headInverse.prefix(rows)
    gated = other.gated.prefix(rows)
    middle = other.middle.prefix(rows)
    middleNormed = other.middleNormed.prefix(rows)
    middleStatistics = other.middleStatistics.prefix(rows)
    expanded = other.expanded.prefix(rows)
    hidden = other.hidden.prefix(rows)
    states = other.states
  }

  /// The same memory for fewer rows.
  func prefix(_ rows: Int) -> BlockActivations {
    rows == input.shape[0] ? self : BlockActivations(self, rows: rows, input: input.prefix(rows))
  }

  /// The same memory but for the stream that enters [R, D].
  func replacing(input: Tensor) -> BlockActivations {
    BlockActivations(self, rows: input.shape[0], input: input)
  }
}

/// Where q, k, v and g lie in a row of projections.
struct ProjectionColumns {
  let q: Range<Int>
  let k: Range<Int>
  let v: Range<Int>
  /// nil without a gate.
  let g: Range<Int>?

  init(_ c: ModelConfiguration) {
    let (keys, values) = (c.keyWidth * c.keyHeads / c.heads, c.valueWidth * c.keyHeads / c.heads)
    q = 0..<c.keyWidth
    k = q.upperBound..<q.upperBound + keys
    v = k.upperBound..<k.upperBound + values
    g = c.hasGate ? v.upperBound..<v.upperBound + c.valueWidth : nil
  }

  var count: Int { g?.upperBound ?? v.upperBound }
}
