import Inference
import Modeling
import Retention
import Tensors
import TestSupport

/// A model small enough for the Float64 reference, with the reference's own weights.
struct TinyModel {
  let network: LanguageModel
  let reference: ReferenceRetNet

  init(vocabularySize: Int = 23, width: Int = 16, layers: Int = 2, heads: Int = 2, seed: UInt64 = 11) {
    var configuration = ModelConfiguration()
    configuration.width = width
    configuration.layers = layers
    configuration.heads = heads
    configuration.keyWidth = width
    configuration.valueWidth = 2 * width
    configuration.feedForwardWidth = 24
    configuration.vocabularySize = vocabularySize
    configuration.bosID = 1
    configuration = configuration.resolved
    var generator = SeededGenerator(seed: seed)
    reference = ReferenceRetNet(
      random: ReferenceConfiguration(
        vocabularySize: vocabularySize, width: width, layerCount: layers, headCount: heads, keyWidth: width / heads,
        valueWidth: 2 * width / heads, feedForwardWidth: 24, epsilon: configuration.normEpsilon,
        logDecay: Decay(configuration.decay, heads: heads).logarithms, isTied: false),
      using: &generator)
    let parameters = Parameters(configuration)
    for description in parameters.descriptions {
      guard let values = reference.parameters[description.name] else { preconditionFailure(description.name) }
      let tensor = parameters.tensor(description)
      for (index, value) in values.floats.enumerated() { tensor[index] = value }
    }
    network = LanguageModel(configuration, parameters)
  }

  /// Random ids of the vocabulary.
  func tokens(_ count: Int, seed: UInt64 = 3) -> [Int32] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int32(generator.next() % UInt64(network.configuration.vocabularySize)) }
  }

  /// The negative log likelihood of each token given BOS and those before it, by the reference.
  func referenceLosses(_ tokens: [Int32], bos: Int32?) -> [Double] {
    let all = (bos.map { [$0] } ?? []) + tokens
    let logits = reference.forward([all.dropLast().map { Int($0) }]).logits
    let width = network.configuration.vocabularySize
    return all.dropFirst().enumerated().map { row, target in
      let values = ReferenceTensor([1, width], Array(logits.values[row * width..<(row + 1) * width]))
      return Reference.crossEntropy(values, targets: [Int(target)]).lossSum
    }
  }
}

extension Generator {
  /// Chooses the next token and reads it; the sampler must leave one.
  mutating func next(_ sampler: inout Sampler) -> Int32 {
    guard let token = sampler.choose(nextLogits) else { preconditionFailure("next: no token may come") }
    append(token)
    return token
  }
}
