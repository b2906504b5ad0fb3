import EngineTestSupport
import Foundation
import Inference
import Modeling
import Tensors
import TestSupport
import Testing

@Suite struct PerplexityTests {
  private static let model = TinyModel()

  private static let forms: [RetentionForm] =
    [.parallel, .recurrent] + [1, 7, 64, 100].map { .chunkwise(chunkLength: $0) }

  private func score(
    _ documents: [[Int32]], form: RetentionForm = .chunkwise(chunkLength: 64), bos: Int32? = 1, threadCount: Int = 1,
    piece: Int = 90
  ) -> Score {
    var meter = PerplexityMeter(
      Self.model.network, form: form, scoredBytes: ScoredBytes { _ in 3 }, on: WorkerPool(threadCount: threadCount))
    for document in documents {
      meter.startDocument(bos: bos)
      for start in stride(from: 0, to: document.count, by: piece) {
        meter.append(document[start..<min(document.count, start + piece)])
      }
      meter.count(bytes: 3 * document.count, words: document.count)
    }
    meter.finishSegment()
    return meter.score
  }

  @Test(arguments: forms)
  func everyFormGivesTheReferencesLoss(_ form: RetentionForm) {
    // Longer than a segment of 512 tokens, and no multiple of anything.
    let tokens = Self.model.tokens(613)
    let losses = Self.model.referenceLosses(tokens, bos: 1)
    let found = score([tokens], form: form)
    #expect(found.tokens == 613)
    // Float32 logits of a mean over hundreds of tokens.
    #expect(abs(found.nats / losses.reduce(0, +) - 1) < 1e-6)
  }

  /// What is not scored is still read.
  @Test(arguments: forms)
  func aMaskLeavesLossesOut(_ form: RetentionForm) {
    let tokens = Self.model.tokens(613)
    let unscored = [0..<1, 40..<300, 510..<515, 612..<613]
    let losses = Self.model.referenceLosses(tokens, bos: 1)
    let scored = tokens.indices.filter { index in !unscored.contains { $0.contains(index) } }
    var meter = PerplexityMeter(
      Self.model.network, form: form, scoredBytes: ScoredBytes { Int($0) }, on: WorkerPool(threadCount: 1))
    meter.startDocument(bos: 1)
    for start in stride(from: 0, to: tokens.count, by: 100) {
      let part = start..<min(start + 100, tokens.count)
      meter.append(
        Array(tokens[part]),
        unscored: unscored.map { $0.clamped(to: part) }.filter { !$0.isEmpty }.map {
          $0.lowerBound - start..<$0.upperBound - start
        })
    }
    meter.finishSegment()
    #expect(meter.score.tokens == scored.count)
    #expect(abs(meter.score.nats / scored.reduce(0) { $0 + losses[$1] } - 1) < 1e-6)
    #expect(meter.score.bytes == scored.reduce(0) { $0 + Int(tokens[$1]) })
    #expect(meter.score.words == nil)
  }

  @Test func everyFormGivesTheSameLossTo1eMinus5() {
    let tokens = Self.model.tokens(1_100)
    let expected = score([tokens], form: .recurrent).loss
    for form in Self.forms { #expect(abs(score([tokens], form: form).loss / expected - 1) < 1e-5) }
  }

  @Test(arguments: forms)
  func documentsKnowNothingOfEachOther(_ form: RetentionForm) {
    let documents = [
      Self.model.tokens(70, seed: 1), Self.model.tokens(9, seed: 2), [], Self.model.tokens(130, seed: 3),
    ]
    let alone = documents.map { score([$0], form: form).nats }
    let together = score(documents, form: form)
    #expect(abs(together.nats - alone.reduce(0, +)) < 1e-9 * together.nats)
    #expect(together.tokens == 209)
    #expect(together.bytes == 627)
    #expect(together.words == 209)
  }

  @Test func withoutBOSTheFirstTokenIsNotScored() {
    let tokens = Self.model.tokens(40)
    let losses = Self.model.referenceLosses(tokens, bos: nil)
    let found = score([tokens], bos: nil)
    #expect(found.tokens == 39)
    #expect(losses.count == 39)
    #expect(abs(found.nats / losses.reduce(0, +) - 1) < 1e-6)
    #expect(score([[5]], bos: nil).tokens == 0)
  }

  @Test func bytesOfATokenThatIsNotScoredDoNotCount() {
    let documents = [Self.model.tokens(40), Self.model.tokens(3), [5]]
    #expect(score(documents).bytes == 3 * 44)
    #expect(score(documents, bos: nil).bytes == 3 * 41)
    #expect(score([[5]], bos: nil).bitsPerByte.isNaN)
    #expect(ScoredBytes { _ in 9 }.count(4, unscored: 1) == 0)
  }

  @Test func wordsAreKnownOfAllOrOfNone() {
    var meter = PerplexityMeter(
      Self.model.network, form: .recurrent, scoredBytes: ScoredBytes { _ in 1 }, on: WorkerPool(threadCount: 1))
    meter.startDocument(bos: 1)
    meter.append([5, 6])
    meter.count(bytes: 2, words: 2)
    #expect(meter.score.words == 2)
    meter.count(bytes: 2, words: nil)
    meter.count(bytes: 2, words: 2)
    #expect(meter.score.words == nil && meter.score.wordPerplexity == nil)
  }

  @Test(arguments: [(40, true), (41, false)])
  func textsWithoutSpacesHaveNoWords(_ bytes: Int, _ hasWords: Bool) {
    var meter = PerplexityMeter(
      Self.model.network, form: .recurrent, scoredBytes: ScoredBytes { _ in 1 }, on: WorkerPool(threadCount: 1))
    meter.startDocument(bos: 1)
    meter.append([5, 6])
    meter.count(bytes: bytes, words: 2)
    meter.finishSegment()
    #expect((meter.score.wordPerplexity != nil) == hasWords)
  }

  @Test func figuresFollowFromTheLosses() {
    let tokens = Self.model.tokens(300)
    let losses = Self.model.referenceLosses(tokens, bos: 1)
    let found = score([tokens])
    let mean = losses.reduce(0, +) / 300
    func isClose(_ found: Double, _ expected: Double) -> Bool { abs(found / expected - 1) < 1e-5 }
    #expect(isClose(found.loss, mean))
    #expect(isClose(found.perplexity, exp(mean)))
    #expect(isClose(found.bitsPerByte, mean * 300 / 900 / log(2)))
    #expect(isClose(found.bytePerplexity, exp(mean * 300 / 900)))
    #expect(isClose(found.wordPerplexity ?? 0, exp(mean)))
    #expect(score([[5]]).standardError.isNaN)
  }

  /// √(n / (n - 1) Σ (x - L t)²) / Σ t over documents if there are 30, else over blocks of 512 tokens.
  @Test(arguments: [2, 29, 30, 40])
  func theStandardErrorIsOverDocumentsOrBlocks(_ documents: Int) {
    let texts = (0..<documents).map { Self.model.tokens($0 % 7 + 40, seed: UInt64($0)) }
    let found = score(texts)
    let losses = texts.map { Self.model.referenceLosses($0, bos: 1) }
    let all = losses.flatMap(\.self)
    let blocks = stride(from: 0, to: all.count, by: 512).map { Array(all[$0..<min($0 + 512, all.count)]) }
    let units = documents < 30 ? blocks : losses
    #expect(found.errorUnit == (documents < 30 ? .blocks : .documents))
    let loss = all.reduce(0, +) / Double(all.count)
    let squares = units.reduce(0.0) { sum, unit in
      let difference = unit.reduce(0, +) - loss * Double(unit.count)
      return sum + difference * difference
    }
    let expected = (squares * Double(units.count) / Double(units.count - 1)).squareRoot() / Double(all.count)
    #expect(units.count == 1 ? found.standardError.isNaN : abs(found.standardError / expected - 1) < 1e-4)
  }

  @Test func theSameBitsHoweverTokensArriveAndOnAnyNumberOfThreads() {
    let tokens = Self.model.tokens(700)
    let expected = score([tokens]).nats
    for piece in [1, 13, 512, 700] { #expect(score([tokens], piece: piece).nats == expected) }
    for threadCount in [2, 3] { #expect(score([tokens], threadCount: threadCount).nats == expected) }
  }

  @Test(arguments: [RetentionForm.recurrent, .chunkwise(chunkLength: 4), .chunkwise(chunkLength: 700)])
  func theMemoryIsKnownBeforehand(_ form: RetentionForm) {
    let (network, pool) = (Self.model.network, WorkerPool(threadCount: 2))
    var meter = PerplexityMeter(network, form: form, scoredBytes: ScoredBytes { _ in 1 }, on: pool)
    meter.startDocument(bos: 1)
    meter.append(Self.model.tokens(800))
    let size = PerplexityMeter.byteCount(network.configuration, form: form, workers: 2)
    #expect(storedBytes(of: meter, besides: network) == size)
  }
}
