package import Retention
package import Tensors

/// The recurrent state of one layer, whose size does not depend on the number of tokens read.
package struct MixerState: Sendable {
  package let retention: RetentionState
  /// The state of the score norm, if the model has one.
  package let scores: ScoreNormState?

  init(_ shape: RetentionShape, hasScores: Bool) {
    retention = RetentionState(shape)
    scores = hasScores ? ScoreNormState(shape) : nil
  }

  private init(retention: RetentionState, scores: ScoreNormState?) {
    self.retention = retention
    self.scores = scores
  }

  /// Bytes of what `init` allocates.
  static func byteCount(_ shape: RetentionShape, hasScores: Bool) -> Double {
    RetentionState.byteCount(shape) + (hasScores ? ScoreNormState.byteCount(shape) : 0)
  }

  /// A new, empty state with the same extents.
  var emptyCopy: MixerState {
    let extents = retention.stored.shape
    return MixerState(
      RetentionShape(batch: extents[0], time: 1, heads: extents[1], keyWidth: extents[2], valueWidth: extents[3]),
      hasScores: scores != nil)
  }

  func clear(on pool: WorkerPool) {
    retention.clear(on: pool)
    scores?.clear(on: pool)
  }

  func copy(_ other: MixerState, on pool: WorkerPool) {
    retention.copy(other.retention, on: pool)
    if let scores, let others = other.scores { scores.copy(others, on: pool) }
  }

  /// Replaces the state of one sequence by that of a sequence of another state.
  func copy(sequence: Int, _ other: MixerState, sequence source: Int, on pool: WorkerPool) {
    retention.copy(sequence: sequence, other.retention, sequence: source, on: pool)
    if let scores, let others = other.scores {
      scores.copy(sequence: sequence, others, sequence: source, on: pool)
    }
  }

  /// The state of the first `batch` sequences: a view.
  func prefix(_ batch: Int) -> MixerState {
    MixerState(retention: retention.prefix(batch), scores: scores?.prefix(batch))
  }

  /// Whether all numbers are finite.
  package var isFinite: Bool { retention.stored.isFinite && (scores?.keySums.stored.isFinite ?? true) }

  /// A part of a state, with its precision in files.
  package enum Numbers: Sendable {
    /// Float32, or rounded to the format of the file.
    case stored(Tensor)
    /// Float32.
    case single(Tensor)
    /// Float64.
    case double(DoubleBuffer)
  }

  /// The parts, with their names in a file (docs/CHECKPOINT.md §5).
  package var parts: [(name: String, numbers: Numbers)] {
    var parts: [(String, Numbers)] = [("stored", .stored(retention.stored)), ("scales", .double(retention.scales))]
    if let scores {
      parts += [
        ("row_sums", .double(scores.rowSums)), ("key_sums.stored", .single(scores.keySums.stored)),
        ("key_sums.scales", .double(scores.keySums.scales)),
      ]
    }
    return parts
  }

  /// All scales of the state; every form leaves them in [½, 1].
  package var scales: [Double] { retention.scales.values + (scores?.keySums.scales.values ?? []) }

  /// The state as scale · stored, for comparison.
  package var values: [Double] { retention.values }
}

/// The extents of a layer's recurrent state for one sequence.
package struct MixerStateShape: Equatable, Sendable {
  /// H, K and V.
  package var heads: Int
  package var keyWidth: Int
  package var valueWidth: Int
  /// Whether the model has a score norm.
  package var hasScores: Bool

  package init(heads: Int, keyWidth: Int, valueWidth: Int, hasScores: Bool) {
    (self.heads, self.keyWidth, self.valueWidth, self.hasScores) = (heads, keyWidth, valueWidth, hasScores)
  }

  package init(_ configuration: ModelConfiguration) {
    let shape = configuration.retentionShape(batch: 1, time: 1)
    self.init(
      heads: shape.heads, keyWidth: shape.keyWidth, valueWidth: shape.valueWidth,
      hasScores: configuration.scoreNorm != .none)
  }

  package enum NumberKind: Sendable { case stored, single, double }

  /// The names and extents of `MixerState.parts`; allocates nothing for the state.
  package var parts: [(name: String, kind: NumberKind, extents: [Int])] {
    var parts: [(String, NumberKind, [Int])] = [
      ("stored", .stored, [1, heads, keyWidth, valueWidth]), ("scales", .double, [heads]),
    ]
    if hasScores {
      parts += [
        ("row_sums", .double, [heads]), ("key_sums.stored", .single, [1, heads, keyWidth, 1]),
        ("key_sums.scales", .double, [heads]),
      ]
    }
    return parts
  }

  /// An empty state of one sequence.
  func makeState() -> MixerState {
    MixerState(
      RetentionShape(batch: 1, time: 1, heads: heads, keyWidth: keyWidth, valueWidth: valueWidth),
      hasScores: hasScores)
  }
}

/// The state that documents start from in one layer [H, K, V], and its gradient, which is added to.
struct MixerInitialState: Sendable {
  let values: Tensor
  let gradients: Tensor
}

extension ModelConfiguration {
  /// The extents of retention in each layer.
  package func retentionShape(batch: Int, time: Int) -> RetentionShape {
    RetentionShape(
      batch: batch, time: time, heads: heads, keyHeads: keyHeads, keyWidth: keyWidth / heads,
      valueWidth: valueWidth / heads)
  }
}
