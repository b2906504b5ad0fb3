internal import Retention

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
  func makeState() -> any MixerState {
    RetentionLayerState(
      RetentionShape(batch: 1, time: 1, heads: heads, keyWidth: keyWidth, valueWidth: valueWidth),
      hasScores: hasScores)
  }
}

extension ModelConfiguration {
  /// Whether the states are matrices of fixed size, which can be written to files and carried into a training step.
  package var hasFixedStates: Bool { stateShapes != nil }

  /// Count of the numbers in the matrices of the states; nil if a state grows.
  package var stateNumbers: Int? {
    stateShapes.map { $0.reduce(0) { $0 + $1.heads * $1.keyWidth * $1.valueWidth } }
  }

  /// Whether every layer is retention.
  package var isRetentionOnly: Bool { presentTypes == [.retention] }

  /// The extents of each layer's state in a file; nil if the state of a layer is not written to files.
  package var stateShapes: [MixerStateShape]? {
    let shapes = typeOfLayers.compactMap { $0.mixer.stateShape(self) }
    return shapes.count == layers ? shapes : nil
  }
}
