package import Retention
package import Tensors

/// The recurrent state of one layer, whose size does not depend on the number of tokens read.
package final class RetentionLayerState: MixerState {
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

  package var emptyCopy: any MixerState {
    let extents = retention.stored.shape
    return RetentionLayerState(
      RetentionShape(batch: extents[0], time: 1, heads: extents[1], keyWidth: extents[2], valueWidth: extents[3]),
      hasScores: scores != nil)
  }

  package func clear(on pool: WorkerPool) {
    retention.clear(on: pool)
    scores?.clear(on: pool)
  }

  package func copy(_ other: any MixerState, on pool: WorkerPool) {
    let other = own(other)
    retention.copy(other.retention, on: pool)
    if let scores, let others = other.scores { scores.copy(others, on: pool) }
  }

  package func copy(sequence: Int, _ other: any MixerState, sequence source: Int, on pool: WorkerPool) {
    let other = own(other)
    retention.copy(sequence: sequence, other.retention, sequence: source, on: pool)
    if let scores, let others = other.scores {
      scores.copy(sequence: sequence, others, sequence: source, on: pool)
    }
  }

  package func prefix(_ batch: Int) -> any MixerState {
    RetentionLayerState(retention: retention.prefix(batch), scores: scores?.prefix(batch))
  }

  package var byteCount: Int {
    let shape = retention.stored.shape
    return Int(
      Self.byteCount(
        RetentionShape(batch: shape[0], time: 1, heads: shape[1], keyWidth: shape[2], valueWidth: shape[3]),
        hasScores: scores != nil))
  }

  package var isFinite: Bool { retention.stored.isFinite && (scores?.keySums.stored.isFinite ?? true) }

  package var parts: [(name: String, numbers: MixerStateNumbers)] {
    var parts: [(String, MixerStateNumbers)] = [
      ("stored", .stored(retention.stored)), ("scales", .double(retention.scales)),
    ]
    if let scores {
      parts += [
        ("row_sums", .double(scores.rowSums)), ("key_sums.stored", .single(scores.keySums.stored)),
        ("key_sums.scales", .double(scores.keySums.scales)),
      ]
    }
    return parts
  }

  package var scales: [Double] { retention.scales.values + (scores?.keySums.scales.values ?? []) }

  /// scale · stored.
  package var values: [Double] { retention.values }

  package func start(from initial: Tensor, on pool: WorkerPool) { retention.stored.copy(initial, on: pool) }
}

extension RetentionMixer {
  static func makeState(_ c: ModelConfiguration, batch: Int) -> RetentionLayerState {
    RetentionLayerState(c.retentionShape(batch: batch, time: 1), hasScores: c.scoreNorm != .none)
  }

  static func stateByteCount(_ c: ModelConfiguration, batch: Int, position: Int) -> Double {
    RetentionLayerState.byteCount(c.retentionShape(batch: batch, time: 1), hasScores: c.scoreNorm != .none)
  }

  static func stateShape(_ c: ModelConfiguration) -> MixerStateShape? {
    let shape = c.retentionShape(batch: 1, time: 1)
    return MixerStateShape(
      heads: shape.heads, keyWidth: shape.keyWidth, valueWidth: shape.valueWidth, hasScores: c.scoreNorm != .none)
  }
}
