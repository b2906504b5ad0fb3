internal import Retention
package import Tensors

/// The recurrent state of a model: per layer what retention remembers, and the position of the next token.
///
/// Its size does not depend on how much was read. Copying the struct copies the view, as with `Tensor`.
package struct ModelState: Sendable {
  package let layers: [MixerState]
  /// Tokens read so far, BOS included: the position of the next one.
  package var position = 0

  /// An empty state for `batch` sequences.
  package init(_ configuration: ModelConfiguration, batch: Int) {
    MemoryRefusal.require(byteCount: Self.byteCount(configuration, batch: batch))
    let shape = configuration.retentionShape(batch: batch, time: 1)
    layers = (0..<configuration.layers).map { _ in MixerState(shape, hasScores: configuration.scoreNorm != .none) }
  }

  /// An empty state of one sequence.
  ///
  /// - Parameters:
  ///   - layers: How many.
  ///   - shape: What each of them remembers.
  package init(layers: Int, _ shape: MixerStateShape) { self.layers = (0..<layers).map { _ in shape.makeState() } }

  private init(layers: [MixerState]) { self.layers = layers }

  /// A new, empty state of the same extents.
  package var emptyCopy: ModelState { ModelState(layers: layers.map(\.emptyCopy)) }

  /// Bytes of what `init` allocates.
  package static func byteCount(_ configuration: ModelConfiguration, batch: Int) -> Double {
    let shape = configuration.retentionShape(batch: batch, time: 1)
    return Double(configuration.layers)
      * MixerState.byteCount(shape, hasScores: configuration.scoreNorm != .none)
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

  /// The state of the first sequences: a view.
  package func prefix(_ batch: Int) -> ModelState { ModelState(layers: layers.map { $0.prefix(batch) }) }

  /// Takes over what another state of the same model remembers of one sequence; positions are left alone.
  package func copy(sequence: Int, _ other: ModelState, sequence source: Int, on pool: WorkerPool) {
    for (mine, theirs) in zip(layers, other.layers) {
      mine.copy(sequence: sequence, theirs, sequence: source, on: pool)
    }
  }
}
