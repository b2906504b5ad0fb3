package import Tensors

/// The recurrent state of a model: the state of each layer, and the position of the next token.
///
/// Its size does not depend on the number of tokens read. Copying the struct copies the view, as with `Tensor`.
package struct ModelState: Sendable {
  package let layers: [any MixerState]
  /// Number of tokens read, BOS included, which is the position of the next one.
  package var position = 0

  /// An empty state of `batch` sequences.
  package init(_ configuration: ModelConfiguration, batch: Int) {
    MemoryRefusal.require(byteCount: Self.byteCount(configuration, batch: batch))
    layers = configuration.typeOfLayers.map { $0.mixer.makeState(configuration, batch: batch) }
  }

  /// An empty state of one sequence.
  ///
  /// - Parameter shapes: The extents of each layer's state.
  package init(_ shapes: [MixerStateShape]) { layers = shapes.map { $0.makeState() } }

  private init(layers: [any MixerState]) { self.layers = layers }

  /// A new, empty state with the same extents.
  package var emptyCopy: ModelState { ModelState(layers: layers.map(\.emptyCopy)) }

  /// Bytes of a state of `batch` sequences that have read so many tokens; of what `init` allocates, if none.
  package static func byteCount(_ configuration: ModelConfiguration, batch: Int, position: Int = 0) -> Double {
    configuration.typeOfLayers.reduce(0) {
      $0 + $1.mixer.stateByteCount(configuration, batch: batch, position: position)
    }
  }

  /// Bytes of its memory, with the room of caches for more tokens.
  package var byteCount: Int { layers.reduce(0) { $0 + $1.byteCount } }

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
