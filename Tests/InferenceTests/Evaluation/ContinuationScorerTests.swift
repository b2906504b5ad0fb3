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
    var scorer = ContinuationScorer(model.network, precision: .float32, on: pool)
    let scores = scorer.scores(of: continuations.map { Continuation(after: context, $0) })
    for (found, continuation) in zip(scores, continuations) {
      expectClose(found, expected(continuation, after: context))
    }
    #expect(scores[19].isGreedy && scores[0] == ContinuationScore(logLikelihood: 0, isGreedy: true))
    #expect(scores[1...].prefix(4).allSatisfy { $0.logLikelihood < 0 })
  }

  private func expectClose(_ found: ContinuationScore, _ expected: ContinuationScore) {
    #expect(abs(found.logLikelihood - expected.logLikelihood) < 1e-4)
    #expect(found.isGreedy == expected.isGreedy)
  }

  /// Contexts that differ behind a common beginning, of several lengths, some shorter than a continuation.
  @Test func contextsMayDiffer() {
    let shared = model.tokens(600)
    let continuations = [0, 1, 5, 130].flatMap { more in
      [1, 3, 70].map { count in
        Continuation(
          after: shared + model.tokens(more, seed: UInt64(more)), model.tokens(count, seed: UInt64(more + count)))
      }
    }
    var scorer = ContinuationScorer(model.network, precision: .float32, on: pool)
    let scores = scorer.scores(of: continuations)
    for (found, continuation) in zip(scores, continuations) {
      expectClose(found, expected(continuation.tokens, after: continuation.context))
    }
    // Alone, each has the same score; the scorer keeps nothing from before.
    for (found, continuation) in zip(scores, continuations) { expectClose(scorer.scores(of: [continuation])[0], found) }
  }

  /// One continuation is the beginning of another, and one context is a single token.
  @Test func oneMayBeThePrefixOfAnother() {
    let tokens = model.tokens(9)
    var scorer = ContinuationScorer(model.network, precision: .float32, on: pool)
    let scores = scorer.scores(of: (1...9).map { Continuation(after: [1], Array(tokens.prefix($0))) })
    for count in 1...9 { expectClose(scores[count - 1], expected(Array(tokens.prefix(count)), after: [1])) }
    #expect(scorer.scores(of: []).isEmpty)
  }

  @Test func threadsChangeNoBit() {
    let continuations = (1..<6).map { Continuation(after: model.tokens(200), model.tokens($0, seed: UInt64($0))) }
    let all = [1, 2].map { threads in
      var scorer = ContinuationScorer(model.network, precision: .float32, on: WorkerPool(threadCount: threads))
      return scorer.scores(of: continuations)
    }
    #expect(all[0] == all[1])
  }

  /// All pieces of the vocabulary together are certain.
  @Test func probabilitiesSumToOne() {
    let context = model.tokens(9)
    let size = model.network.configuration.vocabularySize
    var scorer = ContinuationScorer(model.network, precision: .float32, on: pool)
    let scores = scorer.scores(of: (0..<Int32(size)).map { Continuation(after: context, [$0]) })
    let sum = scores.reduce(0) { $0 + exp($1.logLikelihood) }
    #expect(abs(sum - 1) < 1e-6)
    #expect(scores.count { $0.isGreedy } == 1)
  }
}
