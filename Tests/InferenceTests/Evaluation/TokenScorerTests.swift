import Foundation
import Inference
import Modeling
import Tensors
import TestSupport
import Testing

@Suite struct TokenScorerTests {
  private static let model = TinyModel()
  private static let forms: [RetentionForm] = [.parallel, .recurrent, .chunkwise(chunkLength: 64)]

  private func scored(
    _ documents: [[Int32]], form: RetentionForm = .chunkwise(chunkLength: 64), bos: Int32? = 1, threadCount: Int = 1,
    piece: Int = 90, unscored: [Range<Int>] = []
  ) -> [ScoredToken] {
    var scorer = TokenScorer(Self.model.network, form: form, on: WorkerPool(threadCount: threadCount))
    var found: [ScoredToken] = []
    for document in documents {
      scorer.startDocument(bos: bos) { found.append($0) }
      for start in stride(from: 0, to: document.count, by: piece) {
        let part = start..<min(document.count, start + piece)
        let ranges = unscored.map { $0.clamped(to: part) }.filter { !$0.isEmpty }
          .map { $0.lowerBound - start..<$0.upperBound - start }
        scorer.append(Array(document[part]), unscored: ranges) { found.append($0) }
      }
    }
    scorer.finish { found.append($0) }
    return found
  }

  /// A generator that reads token by token, and plain loops over its logits.
  @Test(arguments: forms)
  func scoresAreThoseOfTheGenerator(_ form: RetentionForm) {
    let tokens = Self.model.tokens(613)
    var generator = Generator(Self.model.network, chunkLength: 64, on: WorkerPool(threadCount: 1))
    generator.read([1])
    let found = scored([tokens], form: form)
    #expect(found.map(\.id) == tokens && found.map(\.position) == Array(1...613))
    for token in found {
      let logits = generator.nextLogits.values
      let probabilities = TokenProbabilities(generator.nextLogits)
      let own = logits[Int(token.id)]
      let entropy = -logits.indices.reduce(0.0) { sum, id in
        let ln = probabilities[Int32(id)].logProbability
        return sum + exp(ln) * ln
      }
      // Forms round differently, in the last bits of Float32 logits.
      #expect(abs((token.score?.logProbability ?? 0) - probabilities[token.id].logProbability) < 1e-5)
      #expect(token.score?.rank == logits.count { $0 > own } + 1)
      #expect(abs((token.score?.entropy ?? 0) - entropy) < 1e-5)
      generator.append(token.id)
    }
  }

  @Test(arguments: forms)
  func lossesAreThoseOfAnEvaluation(_ form: RetentionForm) {
    let documents = [700, 1, 0, 64, 5].enumerated().map { Self.model.tokens($1, seed: UInt64($0)) }
    for bos in [1, nil] as [Int32?] {
      var meter = PerplexityMeter(
        Self.model.network, form: form, scoredBytes: ScoredBytes { _ in 1 }, on: WorkerPool(threadCount: 1))
      for document in documents {
        meter.startDocument(bos: bos)
        meter.append(document)
      }
      meter.finishSegment()
      let found = scored(documents, form: form, bos: bos)
      let losses = found.compactMap { ($0.score?.logProbability).map { -$0 } }
      #expect(losses.count == meter.score.tokens && losses.reduce(0, +) == meter.score.nats)
      #expect(found.count == 770)
    }
  }

  @Test func documentsAndPositionsAreCounted() {
    let found = scored([Self.model.tokens(3), [], Self.model.tokens(2)], bos: nil)
    #expect(found.map(\.document) == [1, 1, 1, 3, 3])
    #expect(found.map(\.position) == [1, 2, 3, 1, 2])
    #expect(found.map { $0.score == nil } == [true, false, false, true, false])
  }

  /// What is not scored is still read, and changes nothing else.
  @Test func aMaskLeavesScoresOut() {
    let tokens = Self.model.tokens(700)
    // One range has a whole block of logits.
    let unscored = [0..<1, 40..<50, 230..<600, 699..<700]
    let (all, some) = (scored([tokens]), scored([tokens], unscored: unscored))
    #expect(some.map(\.id) == tokens)
    for (index, token) in some.enumerated() {
      let isUnscored = unscored.contains { $0.contains(index) }
      #expect(token.score == (isUnscored ? nil : all[index].score))
    }
  }

  @Test func theSameBitsHoweverTokensArriveAndOnAnyNumberOfThreads() {
    let tokens = Self.model.tokens(700)
    let expected = scored([tokens])
    for piece in [1, 13, 700] { #expect(scored([tokens], piece: piece) == expected) }
    for threadCount in [2, 3] { #expect(scored([tokens], threadCount: threadCount) == expected) }
  }
}
