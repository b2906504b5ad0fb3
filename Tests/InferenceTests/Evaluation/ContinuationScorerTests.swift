import Foundation
import Inference
import Modeling
import Tensors
import TestSupport
import Testing

@Suite struct ContinuationScorerTests {
  private let model = TinyModel()
  private let pool = WorkerPool(threadCount: 2)

  /// ln p of each continuation by a generator that reads the whole text token by token.
  private func expected(_ continuation: [Int32], after context: [Int32]) -> ContinuationScore {
    var generator = Generator(model.network, chunkLength: 64, on: pool)
    generator.read(context)
    var (sum, isGreedy) = (0.0, true)
    for token in continuation {
      let probabilities = TokenProbabilities(generator.nextLogits)
      sum += probabilities[token].logProbability
      isGreedy = isGreedy && probabilities.top(1)[0].id == token
      generator.append(token)
    }
    return ContinuationScore(logLikelihood: sum, isGreedy: isGreedy)
  }

  @Test func eachIsScoredAsIfAlone() throws {
    let context = model.tokens(70)
    var continuations = (0..<19).map { model.tokens($0 % 5, seed: UInt64($0)) }
    // One that the model itself would choose.
    var generator = Generator(model.network, chunkLength: 64, on: pool)
    generator.read(context)
    var greedy: [Int32] = []
    for _ in 0..<4 {
      let token = TokenProbabilities(generator.nextLogits).top(1)[0].id
      greedy.append(token)
      generator.append(token)
    }
    continuations.append(greedy)
    let scores = ContinuationScorer(model.network, on: pool).scores(of: continuations, after: context)
    #expect(scores == continuations.map { expected($0, after: context) })
    #expect(scores[19].isGreedy && scores[0] == ContinuationScore(logLikelihood: 0, isGreedy: true))
    #expect(scores[1...].prefix(4).allSatisfy { $0.logLikelihood < 0 })
  }

  /// All pieces of the vocabulary together are certain.
  @Test func probabilitiesSumToOne() {
    let context = model.tokens(9)
    let size = model.network.configuration.vocabularySize
    let scores = ContinuationScorer(model.network, on: pool).scores(of: (0..<Int32(size)).map { [$0] }, after: context)
    let sum = scores.reduce(0) { $0 + exp($1.logLikelihood) }
    #expect(abs(sum - 1) < 1e-6)
    #expect(scores.count { $0.isGreedy } == 1)
  }
}
