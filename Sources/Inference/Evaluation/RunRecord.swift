package import Modeling
internal import Tensors

/// What a run of a model computes on its way, rows in the order of the tokens: kept to be compared.
package final class RunRecord {
  /// Of each layer, the heads' outputs before the head norm [T·H·V].
  package private(set) var retained: [[Float]]
  /// Of each layer, the same after the head norm, before the gate [T·H·V].
  package private(set) var headNormed: [[Float]]
  /// [T·N].
  package private(set) var logits: [Float] = []
  /// N.
  package let vocabularySize: Int

  /// A record of nothing yet.
  ///
  /// - Parameters:
  ///   - configuration: Of the model.
  ///   - tokens: T; memory is asked for at once, as arrays that grow would end in the middle.
  package init(_ configuration: ModelConfiguration, tokens: Int) {
    let perLayer = tokens * configuration.valueWidth
    vocabularySize = configuration.vocabularySize
    MemoryRefusal.require(
      byteCount: Tensor.byteCount(2 * configuration.layers, perLayer) + Tensor.byteCount(tokens, vocabularySize))
    retained = (0..<configuration.layers).map { _ in [Float](capacity: perLayer) }
    headNormed = (0..<configuration.layers).map { _ in [Float](capacity: perLayer) }
    logits.reserveCapacity(tokens * vocabularySize)
  }

  func append(layer: Int, retained: [Float], headNormed: [Float]) {
    self.retained[layer] += retained
    self.headNormed[layer] += headNormed
  }

  func append(logits: [Float]) { self.logits += logits }
}

extension [Float] {
  fileprivate init(capacity: Int) {
    self = []
    reserveCapacity(capacity)
  }
}
