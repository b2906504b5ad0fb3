import Foundation
import Inference
import Modeling
import Tensors
import TestSupport
import Testing

@Suite struct ContextHorizonTests {
  private static let model = TinyModel()
  private static let forms: [RetentionForm] = [.parallel, .recurrent, .chunkwise(chunkLength: 64)]

  private func losses(
    _ windows: [[Int32]], context: Int, form: RetentionForm = .chunkwise(chunkLength: 64), bos: Int32? = 1,
    threadCount: Int = 1
  ) -> [Double] {
    ContextHorizon(Self.model.network, form: form, on: WorkerPool(threadCount: threadCount))
      .losses(of: windows, context: context, bos: bos)
  }

  @Test(arguments: forms)
  func aContextOfTheWholeHistoryGivesItsLoss(_ form: RetentionForm) {
    let tokens = Self.model.tokens(600)
    for bos in [1, nil] as [Int32?] {
      let expected = Self.model.referenceLosses(tokens, bos: bos)
      for history in [1, 2, 63, 64, 65, 511, 512, 599] {
        let loss = losses([Array(tokens[...history])], context: history, form: form, bos: bos)[0]
        #expect(abs(loss - expected[bos == nil ? history - 1 : history]) < 1e-5, "\(history)")
      }
    }
  }

  @Test(arguments: [1, 2, 7, 64, 300])
  func tokensBeforeTheContextAreNotSeen(_ context: Int) {
    let windows = (0..<19).map { Self.model.tokens(320, seed: UInt64($0)) }
    let expected = windows.map { window in
      Self.model.referenceLosses(Array(window.suffix(context + 1)), bos: 1).last ?? 0
    }
    let found = losses(windows, context: context)
    // Float32 against Float64: the head norms of a context of few tokens enlarge what was rounded.
    expectClose(found, expected, ratio: 1e-5)
    for threadCount in [2, 3] { #expect(losses(windows, context: context, threadCount: threadCount) == found) }
    #expect(losses([], context: context) == [])
  }

  @Test func longContextsAreMeasuredAtFewerPositions() {
    let contexts = (0...12).map { 1 << $0 }
    for (positions, budget) in [(512, 400_000), (512, 1_000), (3, 400_000), (40, 20_000)] {
      let counts = ContextHorizon.counts(contexts, positions: positions, budget: budget)
      #expect(counts.allSatisfy { 1...positions ~= $0 })
      #expect(zip(counts, counts.dropFirst()).allSatisfy { $0 >= $1 })
      let tokens = zip(contexts, counts).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(tokens <= max(budget, contexts.reduce(0, +)))
    }
    #expect(ContextHorizon.counts(contexts, positions: 3, budget: 400_000) == contexts.map { _ in 3 })
    #expect(ContextHorizon.counts(contexts, positions: 512, budget: 400_000).prefix(7).allSatisfy { $0 == 512 })
    #expect(ContextHorizon.counts([], positions: 3, budget: 9) == [])
    #expect(ContextHorizon.counts([1, 2], positions: 0, budget: 9) == [0, 0])
  }
}

@Suite struct PositionSampleTests {
  private func sample(lengths: [Int], limit: Int, seed: UInt64 = 0) -> (contexts: [Int], indices: [Int]) {
    var sample = PositionSample(contexts: [1, 2, 4, 8, 16, 32], limit: limit, seed: seed)
    var index = 0
    for length in lengths {
      for history in 0..<length {
        sample.add(PositionSample.Position(index: index, loss: Double(history)), history: history)
        index += 1
      }
    }
    let (contexts, positions) = sample.chosen()
    let longest = Double(contexts.last ?? 0)
    #expect(positions.allSatisfy { $0.loss >= longest })
    return (contexts, positions.map(\.index))
  }

  @Test func theLongestContextIsOneThatManyTokensHave() {
    #expect(sample(lengths: [1_000], limit: 50).contexts.last == 32)
    // Six of ten have eight tokens before them, none has sixteen.
    #expect(sample(lengths: [14], limit: 50).contexts.last == 8)
    #expect(sample(lengths: [14], limit: 50).indices.sorted() == Array(8...13))
    // Of 500 tokens 300 have two before them, and 100 have four.
    #expect(sample(lengths: Array(repeating: 5, count: 100), limit: 1_000).contexts.last == 2)
    #expect(sample(lengths: Array(repeating: 5, count: 100), limit: 50).contexts.last == 4)
    #expect(sample(lengths: [1, 1], limit: 50).contexts == [])
    #expect(sample(lengths: [], limit: 50).indices == [])
    #expect(sample(lengths: [2], limit: 50).indices == [1])
  }

  @Test func theSampleIsSeededAndUniform() {
    let (contexts, indices) = sample(lengths: [2_000], limit: 400)
    #expect(contexts.count == 6 && indices.count == 400 && Set(indices).count == 400)
    #expect(sample(lengths: [2_000], limit: 400).indices == indices)
    #expect(sample(lengths: [2_000], limit: 400, seed: 9).indices != indices)
    // The mean of 400 of 32...1999 has a standard deviation of 26; a prefix is a sample too.
    for count in [400, 100] {
      let mean = Double(indices.prefix(count).reduce(0, +)) / Double(count)
      #expect(abs(mean - 1_015) < 150, "\(mean)")
    }
  }
}

@Suite struct PositionLossesTests {
  @Test func binsDoubleAndAddUpToTheWhole() {
    var (losses, random) = (PositionLosses(), SeededGenerator(seed: 2))
    var all: [(position: Int, loss: Double)] = []
    for position in (1...70) { all.append((position, Double.random(in: 0..<9, using: &random))) }
    for (position, loss) in all { losses.add(position: position, loss) }
    let ranges = [1...1, 2...2, 3...4, 5...8, 9...16, 17...32, 33...64, 65...128]
    #expect(losses.bins.indices.map { PositionLosses.positions($0) } == ranges && losses.count == 70)
    #expect(losses.bins.map(\.count) == [1, 1, 2, 4, 8, 16, 32, 6] && losses.longest == 70)
    for (index, bin) in losses.bins.enumerated() {
      let part = all.filter { PositionLosses.positions(index).contains($0.position) }.map(\.loss)
      let mean = part.reduce(0, +) / Double(part.count)
      #expect(abs((bin.mean ?? 0) - mean) < 1e-12)
      guard part.count > 1 else {
        #expect(bin.standardError == nil)
        continue
      }
      let variance = part.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(part.count - 1)
      #expect(abs((bin.standardError ?? 0) - (variance / Double(part.count)).squareRoot()) < 1e-12)
    }
    #expect(LossMean().mean == nil && LossMean([1, 3]).mean == 2 && LossMean([1, 3]).standardError == 1)
  }
}
