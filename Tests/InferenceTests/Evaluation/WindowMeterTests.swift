import Foundation
import Inference
import Modeling
import Tensors
import TestSupport
import Testing

/// The windows of the three rules, against the reference's losses of each window.
@Suite struct WindowMeterTests {
  private static let model = TinyModel()

  private func score(
    _ tokens: [Int32], _ rule: WindowRule, length: Int, stride: Int, bos: Int32? = 1, piece: Int = 37,
    threadCount: Int = 1
  ) -> Score {
    var meter = WindowMeter(
      Self.model.network, rule: rule, length: length, stride: stride, precision: .float32,
      scoredBytes: ScoredBytes { _ in 3 }, on: WorkerPool(threadCount: threadCount))
    meter.startDocument(bos: bos)
    for start in Swift.stride(from: 0, to: tokens.count, by: piece) {
      meter.append(Array(tokens[start..<min(tokens.count, start + piece)]))
    }
    meter.count(bytes: 3 * tokens.count, words: tokens.count)
    meter.finishDocument()
    return meter.score
  }

  /// The losses of the tokens of a window behind its first one.
  private func losses(_ window: ArraySlice<Int32>) -> [Double] {
    Self.model.referenceLosses(Array(window.dropFirst()), bos: window.first)
  }

  private func isClose(_ found: Double, _ expected: Double) -> Bool { abs(found / expected - 1) < 1e-5 }

  @Test(arguments: [(16, 16), (16, 5), (16, 1), (100, 40), (300, 300), (600, 70)], [true, false])
  func slidingScoresEachTokenOnce(_ sizes: (Int, Int), _ hasBOS: Bool) {
    let (length, stride) = sizes
    let tokens = Self.model.tokens(233)
    let all = (hasBOS ? [1] : []) + tokens
    var (sum, count, end) = (0.0, 0, 1)
    // Windows share at least one token.
    for start in Swift.stride(from: 0, to: all.count, by: min(stride, length - 1)) where end < all.count {
      let window = all[start..<min(start + length, all.count)]
      let new = losses(window).suffix(window.endIndex - end)
      sum += new.reduce(0, +)
      count += new.count
      end = window.endIndex
    }
    let found = score(tokens, .sliding, length: length, stride: stride, bos: hasBOS ? 1 : nil)
    #expect(found.tokens == count)
    #expect(isClose(found.nats, sum))
    #expect(found.bytes == 3 * (hasBOS ? 233 : 232))
  }

  /// The code of the guide of transformers, with the reference's losses.
  @Test(arguments: [(16, 16), (16, 5), (100, 40), (600, 70)], [true, false])
  func huggingFaceWeighsWindows(_ sizes: (Int, Int), _ hasBOS: Bool) {
    let (length, stride) = sizes
    let tokens = Self.model.tokens(233)
    let all = (hasBOS ? [1] : []) + tokens
    var (sum, count, previousEnd) = (0.0, 0, 0)
    for start in Swift.stride(from: 0, to: all.count, by: stride) {
      let end = min(start + length, all.count)
      let new = end - previousEnd
      let scored = losses(all[start..<end]).suffix(new)
      if new > 1 {
        sum += scored.reduce(0, +) / Double(scored.count) * Double(new - 1)
        count += new - 1
      }
      previousEnd = end
      if end == all.count { break }
    }
    let found = score(tokens, .huggingFace, length: length, stride: stride, bos: hasBOS ? 1 : nil)
    #expect(found.tokens == count)
    #expect(isClose(found.nats, sum))
    #expect(found.bytes == 0 && found.bitsPerByte.isNaN)
  }

  /// Of 64 tokens the second half but one is scored; the first is BOS; 233 tokens and BOS fill three windows.
  @Test(arguments: [true, false])
  func llamaCppScoresSecondHalves(_ hasBOS: Bool) {
    let tokens = Self.model.tokens(233)
    let all = (hasBOS ? [1] : []) + tokens
    var (sum, count) = (0.0, 0)
    for start in [0, 64, 128] {
      var window = Array(all[start..<start + 64])
      if hasBOS { window[0] = 1 }
      let scored = losses(window[...]).suffix(31)
      sum += scored.reduce(0, +)
      count += scored.count
    }
    let found = score(tokens, .llamaCpp, length: 64, stride: 64, bos: hasBOS ? 1 : nil)
    #expect(found.tokens == count && count == 93)
    #expect(isClose(found.nats, sum))
    #expect(score(Array(tokens.prefix(60)), .llamaCpp, length: 64, stride: 64).tokens == 0)
  }

  @Test func aWindowAsLongAsTheTextIsTheFullHistory() {
    let tokens = Self.model.tokens(700)
    var meter = PerplexityMeter(
      Self.model.network, form: .chunkwise(chunkLength: 128), scoredBytes: ScoredBytes { _ in 3 },
      on: WorkerPool(threadCount: 1))
    meter.startDocument(bos: 1)
    meter.append(tokens)
    meter.finishSegment()
    #expect(isClose(score(tokens, .sliding, length: 701, stride: 701).loss, meter.score.loss))
  }

  @Test func documentsHaveWindowsOfTheirOwnAndMasksLeaveTokensOut() {
    let (first, second) = (Self.model.tokens(50), Self.model.tokens(33, seed: 5))
    var meter = WindowMeter(
      Self.model.network, rule: .sliding, length: 16, stride: 16, precision: .float32,
      scoredBytes: ScoredBytes { _ in 3 }, on: WorkerPool(threadCount: 2))
    meter.startDocument(bos: 1)
    meter.append(first, unscored: [0..<10, 20..<21])
    meter.startDocument(bos: 1)
    meter.append(second)
    meter.finishDocument()
    let alone = score(second, .sliding, length: 16, stride: 16)
    let windows = Swift.stride(from: 0, to: 50, by: 15).map { ([1] + first)[$0..<min($0 + 16, 51)] }
    let sum = windows.reduce(0.0) { sum, window in
      sum
        + zip(window.indices.dropFirst(), losses(window)).reduce(0.0) {
          (1...10).contains($1.0) || $1.0 == 21 ? $0 : $0 + $1.1
        }
    }
    #expect(isClose(meter.score.nats, sum + alone.nats))
    // Only the bytes of scored tokens count; of the second document nobody told the bytes.
    #expect(meter.score.bytes == 3 * 39 && meter.score.words == nil)
  }

  @Test func piecesAndThreadsChangeNoBit() {
    let tokens = Self.model.tokens(233)
    for rule in WindowRule.allCases {
      let stride = rule == .llamaCpp ? 40 : 13
      let all = [(1, 1), (233, 2), (50, 2)].map {
        score(tokens, rule, length: 40, stride: stride, piece: $0.0, threadCount: $0.1)
      }
      #expect(all.allSatisfy { $0 == all[0] })
    }
  }
}
