package import Retention
package import Tensors

/// What one block computes on its way forward, R = B·T rows, kept for the backward.
///
/// Without a backward all blocks may share one set, in which the residual stream is one tensor: `input`, `middle`
/// and the next block's `input` are then the same.
package struct BlockActivations: Sendable {
  /// The residual stream as it enters [R, D].
  package let input: Tensor
  /// 1 / rms of `input` [R], and its norm [R, D].
  let inverse: Tensor
  let normed: Tensor
  /// q, k, v, g side by side [R, 2·H·K + 2·H·V]; q and k rotated.
  let projected: Tensor
  /// Heads' outputs [R, H·V].
  let retained: Tensor
  /// 1 / rms of each head [R, H]; gated and normed heads [R, H·V].
  let headInverse: Tensor
  let gated: Tensor
  /// The residual stream after retention [R, D].
  let middle: Tensor
  let middleInverse: Tensor
  let middleNormed: Tensor
  /// Gate and up side by side [R, 2F], and their product [R, F].
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
  package init(
    _ configuration: ModelConfiguration, rows: Int, input: Tensor, middle: Tensor, states: ChunkStates?
  ) {
    let c = configuration
    self.input = input
    inverse = Tensor(Shape(rows))
    normed = Tensor(Shape(rows, c.width))
    projected = Tensor(Shape(rows, 2 * c.keyWidth + 2 * c.valueWidth))
    retained = Tensor(Shape(rows, c.valueWidth))
    headInverse = Tensor(Shape(rows, c.heads))
    gated = Tensor(Shape(rows, c.valueWidth))
    self.middle = middle
    middleInverse = Tensor(Shape(rows))
    middleNormed = Tensor(Shape(rows, c.width))
    expanded = Tensor(Shape(rows, 2 * c.feedForwardWidth))
    hidden = Tensor(Shape(rows, c.feedForwardWidth))
    self.states = states
  }

  private init(_ other: BlockActivations, rows: Int) {
    input = other.input.prefix(rows)
    inverse = other.inverse.prefix(rows)
    normed = other.normed.prefix(rows)
    projected = other.projected.prefix(rows)
    retained = other.retained.prefix(rows)
    headInverse = other.headInverse.prefix(rows)
    gated = other.gated.prefix(rows)
    middle = other.middle.prefix(rows)
    middleInverse = other.middleInverse.prefix(rows)
    middleNormed = other.middleNormed.prefix(rows)
    expanded = other.expanded.prefix(rows)
    hidden = other.hidden.prefix(rows)
    states = other.states
  }

  /// The same memory for fewer rows.
  package func prefix(_ rows: Int) -> BlockActivations {
    rows == input.shape[0] ? self : BlockActivations(self, rows: rows)
  }
}

/// Where q, k, v and g lie in a row of projections.
struct ProjectionColumns {
  let q: Range<Int>
  let k: Range<Int>
  let v: Range<Int>
  let g: Range<Int>

  init(_ c: ModelConfiguration) {
    q = 0..<c.keyWidth
    k = c.keyWidth..<2 * c.keyWidth
    v = 2 * c.keyWidth..<2 * c.keyWidth + c.valueWidth
    g = 2 * c.keyWidth + c.valueWidth..<2 * c.keyWidth + 2 * c.valueWidth
  }
}
