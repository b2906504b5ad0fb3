package import Modeling
internal import Tensors

/// The intermediate results of a model's run, kept for comparison, with rows in the order of the tokens.
package final class RunRecord {
  /// For each layer, the heads' outputs [T·H·V] before the head norm.
  package private(set) var retained: [[Float]]
  /// For each layer, the heads' outputs [T·H·V] after the head norm and before the gate.
  package private(set) var headNormed: [[Float]]
  /// [T·N].
  package private(set) var logits: [Float] = []
  /// N.
  package let vocabularySize: Int

  /// An empty record.
  ///
  /// - Parameters:
  ///   - configuration: The configuration of the model.
  ///   - tokens: T. All memory is requested at once, because growing arrays could run out of memory midway.
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
