package import Tensors

extension RetentionState {
  private init(stored: Tensor, scales: DoubleBuffer) {
    self.stored = stored
    self.scales = scales
  }

  /// The state of the first `batch` sequences: a view.
  package func prefix(_ batch: Int) -> RetentionState {
    RetentionState(stored: stored.prefix(batch), scales: scales)
  }

  /// Replaces the state of one sequence by that of a sequence of another state with the same heads.
  ///
  /// - Parameters:
  ///   - sequence: The sequence to replace.
  ///   - other: The state to copy from; may be this state.
  ///   - source: The sequence in `other`.
  ///   - pool: Where the copy runs.
  package func copy(sequence: Int, _ other: RetentionState, sequence source: Int, on pool: WorkerPool) {
    let (heads, keyWidth, valueWidth) = (stored.shape[1], stored.shape[2], stored.shape[3])
    let shape = Shape(heads, keyWidth, valueWidth)
    stored.view(shape, at: sequence * shape.count).copy(other.stored.view(shape, at: source * shape.count), on: pool)
    for head in 0..<heads { scales[sequence * heads + head] = other.scales[source * heads + head] }
  }
}

extension ScoreNormState {
  private init(rowSums: DoubleBuffer, keySums: RetentionState) {
    self.rowSums = rowSums
    self.keySums = keySums
  }

  /// The state of the first `batch` sequences: a view.
  package func prefix(_ batch: Int) -> ScoreNormState {
    ScoreNormState(rowSums: rowSums, keySums: keySums.prefix(batch))
  }

  /// Replaces the state of one sequence, as `RetentionState.copy` does.
  package func copy(sequence: Int, _ other: ScoreNormState, sequence source: Int, on pool: WorkerPool) {
    let heads = keySums.stored.shape[1]
    for head in 0..<heads { rowSums[sequence * heads + head] = other.rowSums[source * heads + head] }
    keySums.copy(sequence: sequence, other.keySums, sequence: source, on: pool)
  }
}
