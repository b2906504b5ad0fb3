package import Retention
package import Tensors

/// The recurrent state of a model: per layer what retention remembers, and the position of the next token.
///
/// Its size does not depend on how much was read. Copying the struct copies the view, as with `Tensor`.
package struct ModelState: Sendable {
  package let layers: [RetentionState]
  /// Tokens read so far, BOS included: the position of the next one.
  package var position = 0

  /// An empty state for `batch` sequences.
  package init(_ configuration: ModelConfiguration, batch: Int) {
    let shape = configuration.retentionShape(batch: batch, time: 1)
    layers = (0..<configuration.layers).map { _ in RetentionState(shape) }
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

extension ModelConfiguration {
  /// The extents of retention in each layer.
  package func retentionShape(batch: Int, time: Int) -> RetentionShape {
    RetentionShape(
      batch: batch, time: time, heads: heads, keyWidth: keyWidth / heads, valueWidth: valueWidth / heads)
  }
}
