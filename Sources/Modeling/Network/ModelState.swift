internal import Retention
package import Tensors

/// The recurrent state of a model: the state of each layer, and the position of the next token.
///
/// Its size does not depend on the number of tokens read. Copying the struct copies the view, as with `Tensor`.
package struct ModelState: Sendable {
  package let layers: [MixerState]
  /// Number of tokens read, BOS included, which is the position of the next one.
  package var position = 0

  /// An empty state of `batch` sequences.
  package init(_ configuration: ModelConfiguration, batch: Int) {
    MemoryRefusal.require(byteCount: Self.byteCount(configuration, batch: batch))
    let shape = configuration.retentionShape(batch: batch, time: 1)
    layers = (0..<configuration.layers).map { _ in MixerState(shape, hasScores: configuration.scoreNorm != .none) }
  }

  /// An empty state of one sequence.
  ///
  /// - Parameters:
  ///   - layers: Number of layers.
  ///   - shape: The extents of each layer's state.
  package init(layers: Int, _ shape: MixerStateShape) { self.layers = (0..<layers).map { _ in shape.makeState() } }

  private init(layers: [MixerState]) { self.layers = layers }

  /// A new, empty state with the same extents.
  package var emptyCopy: ModelState { ModelState(layers: layers.map(\.emptyCopy)) }

  /// Bytes of what `init` allocates.
  package static func byteCount(_ configuration: ModelConfiguration, batch: Int) -> Double {
    let shape = configuration.retentionShape(batch: batch, time: 1)
    return Double(configuration.layers)
      * MixerState.byteCount(shape, hasScores: configuration.scoreNorm != .none)
  }

  /// Clears the state.
  package mutating func clear(on pool: WorkerPool) {
    for layer in layers { layer.clear(on: pool) }
    position = 0
  }

  /// Copies another state of the same shape.
  package mutating func copy(_ other: ModelState, on pool: WorkerPool) {
    for (mine, theirs) in zip(layers, other.layers) { mine.copy(theirs, on: pool) }
    position = other.position
  }

  /// The state of the first `batch` sequences: a view.
  package func prefix(_ batch: Int) -> ModelState { ModelState(layers: layers.map { $0.prefix(batch) }) }

  /// Replaces the state of one sequence by that of a sequence of another state; positions are not changed.
  package func copy(sequence: Int, _ other: ModelState, sequence source: Int, on pool: WorkerPool) {
    for (mine, theirs) in zip(layers, other.layers) {
      mine.copy(sequence: sequence, theirs, sequence: source, on: pool)
    }
  }
}
