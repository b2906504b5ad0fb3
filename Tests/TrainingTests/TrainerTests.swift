import Modeling
import Tensors
import TestSupport
import Testing
import Training

@Suite struct TrainerTests {
  private func weights(_ run: TinyRun, threadCount: Int) throws -> [UInt32] {
    var loop = try run.loop(threadCount: threadCount)
    try loop.run { _ in }
    return loop.trainer.network.parameters.flat.values.map(\.bitPattern)
  }

  @Test func learnsATextThatRepeatsItself() throws {
    let losses = try TinyRun().events().losses
    #expect(losses.count == 40)
    // ln 11 = 2.40 at first. Only the first token of a sequence cannot be known, ln 5 / 20 = 0.08, and where the text ends.
    #expect(losses[0] > 2)
    #expect(losses[20...].reduce(0, +) / 20 < 0.25)
  }

  @Test func theSameSeedGivesTheSameBitsTwiceAndOnTwoThreads() throws {
    var run = try TinyRun()
    run.configuration.steps = 12
    let first = try weights(run, threadCount: 1)
    #expect(try weights(run, threadCount: 1) == first)
    #expect(try weights(run, threadCount: 2) == first)
    run.configuration.seed = 2
    #expect(try weights(run, threadCount: 1) != first)
  }

  @Test func reportsWhatTheStepDid() throws {
    let run = try TinyRun()
    var loop = try run.loop()
    var reports: [StepReport] = []
    try loop.run { event in
      if case .step(let report) = event { reports.append(report) }
    }
    #expect(reports.map(\.step) == Array(1...40))
    #expect(reports.map(\.learningRate) == (1...40).map { run.configuration.learningRate(step: $0) })
    #expect(reports.allSatisfy { $0.gradientNorm > 0 && $0.gradientNorm.isFinite })
    #expect(loop.trainer.step == 40)
  }

  @Test func recomputingBlocksGivesTheSameBits() throws {
    var run = try TinyRun()
    run.configuration.steps = 5
    let kept = try weights(run, threadCount: 2)
    run.configuration.recompute = .blocks
    #expect(try weights(run, threadCount: 2) == kept)
  }

  @Test(arguments: [1, 20, 40, 59, 60, 80, 1000])
  func microBatchesGiveTheGradientOfTheWholeBatch(tokens: Int) throws {
    var run = try TinyRun()
    (run.configuration.steps, run.configuration.precision) = (3, .float32)
    run.configuration.largestMicroBatchTokens = 80
    let whole = try run.events().losses
    run.configuration.largestMicroBatchTokens = tokens
    // Four sequences of 20 tokens: parts of one, two or four.
    #expect(run.configuration.microBatchTokens == [1: 20, 20: 20, 40: 40, 59: 40, 60: 40][tokens, default: 80])
    // The same sums, cut elsewhere; two updates magnify their rounding.
    for (found, expected) in zip(try run.events().losses, whole) { #expect(abs(found / expected - 1) < 1e-5) }
  }

  @Test func bfloat16FollowsFloat32() throws {
    var run = try TinyRun()
    run.configuration.steps = 10
    run.configuration.precision = .float32
    let exact = try run.events().losses
    run.configuration.precision = .bfloat16
    let rounded = try run.events().losses
    #expect(rounded != exact)
    // Operands keep 8 bits: 0.4 % each, and less in sums. One per cent of where the losses begin, as they end near 0.
    for (found, expected) in zip(rounded, exact) { #expect(abs(found - expected) < 1e-2 * exact[0]) }
  }

  @Test func theFirstLossIsThatOfTheReference() throws {
    var run = try TinyRun()
    run.configuration.precision = .float32
    let loop = try run.loop()
    let trainer = loop.trainer
    let tokens = (0..<4).map { _ in (0..<20).map { ($0 * 7 + 3) % 11 } }
    for (index, token) in tokens.joined().enumerated() {
      trainer.inputs[index] = Int32(token)
      // One token in four is not scored.
      trainer.targets[index] = index % 4 == 0 ? -1 : Int32((token * 3 + 1) % 11)
    }
    let reference = TinyRun.reference(of: trainer.network)
    let targets = (0..<4).map { row in (0..<20).map { Int(trainer.targets[row * 20 + $0]) } }
    let expected = reference.lossAndGradients(tokens, targets: targets)
    let report = try #require(trainer.makeStep())
    #expect(abs(report.loss / expected.loss - 1) < 1e-5)
    #expect(abs(report.gradientNorm / Reference.globalNorm(expected.gradients.values) - 1) < 1e-4)
  }
}
