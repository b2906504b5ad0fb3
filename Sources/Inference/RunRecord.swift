package import Modeling

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
  package init(_ configuration: ModelConfiguration) {
    retained = Array(repeating: [], count: configuration.layers)
    headNormed = retained
    vocabularySize = configuration.vocabularySize
  }

  func append(layer: Int, retained: [Float], headNormed: [Float]) {
    self.retained[layer] += retained
    self.headNormed[layer] += headNormed
  }

  func append(logits: [Float]) { self.logits += logits }
}
