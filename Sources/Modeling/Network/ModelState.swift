package import Retention
package import Tensors

/// The recurrent state of a model: per layer what retention remembers, and the position of the next token.
///
/// Its size does not depend on how much was read. Copying the struct copies the view, as with `Tensor`.
package struct ModelState: Sendable {
  package let layers: [LayerState]
  /// Tokens read so far, BOS included: the position of the next one.
  package var position = 0

  /// An empty state for `batch` sequences.
  package init(_ configuration: ModelConfiguration, batch: Int) {
    MemoryRefusal.require(byteCount: Self.byteCount(configuration, batch: batch))
    self.init(
      layers: configuration.layers, configuration.retentionShape(batch: batch, time: 1),
      hasScores: configuration.scoreNorm != .none)
  }

  /// An empty state of the given extents.
  ///
  /// - Parameters:
  ///   - layers: How many.
  ///   - shape: Of retention in each.
  ///   - hasScores: Whether scores are normalised.
  package init(layers: Int, _ shape: RetentionShape, hasScores: Bool) {
    self.layers = (0..<layers).map { _ in LayerState(shape, hasScores: hasScores) }
  }

  /// A new, empty state of the same extents.
  package var emptyCopy: ModelState {
    guard let first = layers.first else { return self }
    let extents = first.retention.stored.shape
    return ModelState(
      layers: layers.count,
      RetentionShape(batch: extents[0], time: 1, heads: extents[1], keyWidth: extents[2], valueWidth: extents[3]),
      hasScores: first.scores != nil)
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(_ configuration: ModelConfiguration, batch: Int) -> Double {
    let shape = configuration.retentionShape(batch: batch, time: 1)
    let scores = configuration.scoreNorm == .none ? 0 : ScoreNormState.byteCount(shape)
    return Double(configuration.layers) * (RetentionState.byteCount(shape) + scores)
  }

  /// Forgets everything.
  package mutating func clear(on pool: WorkerPool) {
    for layer in layers { layer.clear(on: pool) }
    position = 0
  }

  /// Takes over another state of the same shape.
  package mutating func copy(_ other: ModelState, on pool: WorkerPool) {
    for (mine, theirs) in zip(layers, other.layers) { mine.copy(theirs, on: pool) }
    position = other.position
  }
}

/// What one layer remembers.
package struct LayerState: Sendable {
  package let retention: RetentionState
  /// Where the scores are normalised.
  package let scores: ScoreNormState?

  init(_ shape: RetentionShape, hasScores: Bool) {
    retention = RetentionState(shape)
    scores = hasScores ? ScoreNormState(shape) : nil
  }

  func clear(on pool: WorkerPool) {
    retention.clear(on: pool)
    scores?.clear(on: pool)
  }

  func copy(_ other: LayerState, on pool: WorkerPool) {
    retention.copy(other.retention, on: pool)
    if let scores, let others = other.scores { scores.copy(others, on: pool) }
  }
}

extension ModelConfiguration {
  /// The extents of retention in each layer.
  package func retentionShape(batch: Int, time: Int) -> RetentionShape {
    RetentionShape(
      batch: batch, time: time, heads: heads, keyHeads: keyHeads, keyWidth: keyWidth / heads,
      valueWidth: valueWidth / heads)
  }
}
