import Corpora
import EngineTestSupport
import Modeling
import Retention
import Tensors
import TestSupport
import Testing
import Training

/// Runs whose rows keep their states from step to step.
@Suite struct CarryStateTests {
  /// A run over documents whose last id is their first again, seven ids before; what lies between is always the same.
  private func recall() throws -> TinyRun {
    var generator = SeededGenerator(seed: 4)
    var run = try TinyRun(
      documents: (0..<200).map { _ in
        let id = Int32(3 + generator.next() % 2)
        return [id, 5, 6, 7, 8, 9, 10, id]
      })
    (run.configuration.sequenceLength, run.configuration.batchTokens) = (4, 128)
    (run.configuration.steps, run.configuration.carriesState) = (300, true)
    run.configuration.precision = .float32
    return run
  }

  private func values(_ loop: TrainingLoop) throws -> [[Double]] {
    try #require(loop.trainer.carriedState).layers.map(\.retention.values)
  }

  @Test func shortSegmentsTeachALongMemory() throws {
    var run = try recall()
    func mean(_ run: TinyRun) throws -> Double { try run.events().losses.suffix(40).reduce(0, +) / 40 }
    let carried = try mean(run)
    run.configuration.carriesState = false
    let empty = try mean(run)
    // Of the 9 ids of a document the first costs ln 2 / 9 = 0.077; the last costs as much again, if it is not remembered.
    #expect(carried < 0.115, "\(carried)")
    #expect(empty > 0.154, "\(empty)")
  }

  @Test func theStateIsThatOfAllThatWasRead() throws {
    var run = try TinyRun()
    (run.configuration.carriesState, run.configuration.learningRate) = (true, 1e-30)
    (run.configuration.precision, run.boundary) = (.float32, .continuous)
    run.configuration.steps = 3
    var loop = try run.loop()
    try loop.run { _ in }
    #expect(loop.trainer.carriedState?.position == 60 && !loop.trainer.startsEmpty)
    // The reference reads the three segments as one, with weights that the rate leaves as they are.
    let batches = try run.batches()
    let parts = try (0..<3).map { index in
      var inputs = [Int32](repeating: 0, count: 80)
      var (targets, documents) = (inputs, inputs)
      var inputSpan = inputs.mutableSpan
      var targetSpan = targets.mutableSpan
      var documentSpan = documents.mutableSpan
      try batches.copyBatch(
        at: index, startsEmpty: index == 0, inputs: &inputSpan, targets: &targetSpan, documentStarts: &documentSpan)
      return inputs
    }
    let tokens = (0..<4).map { row in parts.flatMap { $0[row * 20..<row * 20 + 20].map { Int($0) } } }
    let trace = TinyRun.reference(of: loop.trainer.network).forward(tokens)
    for (found, block) in zip(try values(loop), trace.blocks) {
      // Sums over sixty tokens in Float32.
      expectClose(found, block.finalState.values, ratio: 1e-5, "state")
    }
  }

  @Test(arguments: [20, 40])
  func microBatchesKeepTheirRows(_ tokens: Int) throws {
    var run = try TinyRun()
    (run.configuration.steps, run.configuration.precision, run.configuration.carriesState) = (3, .float32, true)
    run.configuration.largestMicroBatchTokens = 80
    var whole = try run.loop()
    var losses: [Double] = []
    try whole.run { losses += [$0].losses }
    run.configuration.largestMicroBatchTokens = tokens
    var parts = try run.loop()
    var found: [Double] = []
    try parts.run { found += [$0].losses }
    // The same sums, cut elsewhere; two updates magnify their rounding.
    for (found, expected) in zip(found, losses) { #expect(abs(found / expected - 1) < 1e-5) }
    for (found, expected) in zip(try values(parts), try values(whole)) {
      expectClose(found, expected, ratio: 1e-4, "state")
    }
  }

  @Test func recomputingBlocksGivesTheSameBits() throws {
    var run = try TinyRun()
    (run.configuration.steps, run.configuration.carriesState) = (4, true)
    var kept = try run.loop()
    try kept.run { _ in }
    run.configuration.recompute = .blocks
    var again = try run.loop()
    try again.run { _ in }
    #expect(try values(again) == values(kept))
    #expect(again.trainer.network.parameters.flat.values == kept.trainer.network.parameters.flat.values)
  }

  @Test func whatIsStoppedInAStepIsNotRemembered() throws {
    var run = try TinyRun()
    (run.configuration.carriesState, run.configuration.largestMicroBatchTokens) = (true, 20)
    var loop = try run.loop()
    try loop.run(limit: 2) { _ in }
    let before = try values(loop)
    var questions = 0
    let end = try loop.run(
      shouldStop: {
        questions += 1
        return questions == 4
      }, { _ in })
    #expect(end == .stopped && loop.progress.step == 2)
    #expect(try values(loop) == before)
    #expect(loop.trainer.carriedState?.position == 40)
  }

  @Test func aSkippedStepLeavesEmptyStates() throws {
    var run = try TinyRun()
    (run.configuration.carriesState, run.configuration.steps) = (true, 5)
    var loop = try run.loop()
    let trainer = loop.trainer
    var positions: [Int] = []
    var weight: Float = 0
    try loop.run { event in
      guard case .step(let report) = event else { return }
      positions.append(trainer.carriedState?.position ?? -1)
      // The third step finds a weight that is no number.
      if report.step == 2 { (weight, trainer.network.parameters.head[0]) = (trainer.network.parameters.head[0], .nan) }
      if report.step == 3 { trainer.network.parameters.head[0] = weight }
    }
    #expect(positions == [20, 40, 0, 20, 40])
    #expect(try values(loop).joined().allSatisfy { $0.isFinite })
  }

  @Test func aRewindLeavesEmptyStates() throws {
    var run = try TinyRun()
    (run.configuration.carriesState, run.configuration.steps, run.configuration.warmupSteps) = (true, 4, 0)
    (run.configuration.learningRate, run.configuration.schedule) = (1e30, .constant)
    (run.configuration.skipLimit, run.configuration.rewindFactor) = (2, 1e-32)
    var loop = try run.loop()
    let trainer = loop.trainer
    var told: [String] = []
    try loop.run { told.append("\([$0].words[0]):\(trainer.carriedState?.position ?? -1)") }
    #expect(told == ["1:20", "2s:0", "3s:0", "r3>0:0", "1:20", "2:40", "3:60", "4:80"])
  }
}
