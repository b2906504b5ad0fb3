internal import Retention
package import Tensors

extension ModelState {
  /// The state of the first sequences: a view.
  package func prefix(_ batch: Int) -> ModelState { ModelState(layers: layers.map { $0.prefix(batch) }) }

  /// Takes over what another state of the same model remembers of one sequence; positions are left alone.
  package func copy(sequence: Int, _ other: ModelState, sequence source: Int, on pool: WorkerPool) {
    for (mine, theirs) in zip(layers, other.layers) {
      mine.copy(sequence: sequence, theirs, sequence: source, on: pool)
    }
  }

  private init(layers: [LayerState]) { self.layers = layers }
}

extension LayerState {
  /// Takes over what another state remembers of one sequence.
  func copy(sequence: Int, _ other: LayerState, sequence source: Int, on pool: WorkerPool) {
    retention.copy(sequence: sequence, other.retention, sequence: source, on: pool)
    if let scores, let others = other.scores {
      scores.copy(sequence: sequence, others, sequence: source, on: pool)
    }
  }

  fileprivate func prefix(_ batch: Int) -> LayerState {
    LayerState(retention: retention.prefix(batch), scores: scores?.prefix(batch))
  }

  private init(retention: RetentionState, scores: ScoreNormState?) {
    self.retention = retention
    self.scores = scores
  }
}
