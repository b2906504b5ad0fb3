import Inference
import Modeling
import Tensors
import Testing
import Training

@Suite struct RewindTests {
  /// A run whose rate makes the weights overflow in the first update.
  private func explodingRun() throws -> TinyRun {
    var run = try TinyRun()
    (run.configuration.steps, run.configuration.warmupSteps) = (12, 0)
    run.configuration.schedule = .constant
    run.configuration.learningRate = 1e30
    run.configuration.skipLimit = 3
    return run
  }

  @Test func aLowerRateFromTheStartBringsTheRunToItsEnd() throws {
    var run = try explodingRun()
    run.configuration.rewindFactor = 1e-32
    var loop = try run.loop()
    var words: [String] = []
    let end = try loop.run { words += [$0].words }
    #expect(end == .complete)
    #expect(words == ["1", "2s", "3s", "4s", "r4>0"] + (1...12).map { "\($0)" })
    #expect(loop.progress.rewinds == 1 && loop.progress.learningRateFactor == 1e-32)
    #expect(loop.progress.stepGuard.skipped == ["not_finite": 3])
    // The data of the skipped steps are not read again.
    #expect(loop.progress.step == 12 && loop.progress.batch == 16)
    #expect(loop.trainer.step == 12)
    #expect(loop.trainer.network.parameters.flat.values.allSatisfy { $0.isFinite })
  }

  @Test func aRunThatBeganWithAModelGoesBackToIt() throws {
    var run = try explodingRun()
    run.configuration.rewindFactor = 1e-32
    let pool = WorkerPool(threadCount: 1)
    let trainer = Trainer(TinyRun.model(), run.configuration, on: pool)
    var isBack = false
    let start = Parameters(TinyRun.model())
    var source = RandomSource(seed: 77)
    start.initialize(from: &source)
    trainer.begin(with: start)
    var loop = TrainingLoop(
      trainer, batches: try run.batches(), validation: nil, scoredBytes: ScoredBytes { _ in 1 },
      startsFromCheckpoint: true, on: pool)
    var (words, asked): ([String], [Int]) = ([], [])
    try loop.run(
      restore: { step in
        asked.append(step)
        trainer.restore(start, updates: 0)
        return TrainingProgress()
      },
      {
        words += [$0].words
        if case .rewind = $0 { isBack = trainer.network.parameters.flat.values == start.flat.values }
      })
    #expect(asked == [0] && words == ["1", "2s", "3s", "4s", "r4>0"] + (1...12).map { "\($0)" })
    #expect(isBack)
  }

  @Test func aRunThatNothingHelpsGivesUp() throws {
    var run = try explodingRun()
    (run.configuration.rewindFactor, run.configuration.rewindLimit) = (0.5, 2)
    var loop = try run.loop()
    var words: [String] = []
    let error = #expect(throws: TrainingError.self) { try loop.run { words += [$0].words } }
    guard case .diverged(step: 4, skippedInARow: 3, rewinds: 2, let place) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(place?.step == 2 && place?.name.isEmpty == false)
    #expect(words.filter { $0.hasPrefix("r") } == ["r4>0", "r4>0"])
  }

  @Test func theRunGoesBackToTheLastGoodCheckpoint() throws {
    var run = try TinyRun()
    (run.configuration.steps, run.configuration.checkpointEvery, run.configuration.skipLimit) = (12, 3, 2)
    var loop = try run.loop()
    var saved: (weights: [Float], progress: TrainingProgress, updates: Int)?
    var words: [String] = []
    let trainer = loop.trainer
    try loop.run(
      restore: { step in
        let good = try #require(saved)
        #expect(step == 6 && good.progress.step == 6)
        for (index, weight) in good.weights.enumerated() { trainer.network.parameters.flat[index] = weight }
        trainer.restore(trainer.network.parameters, updates: good.updates)
        return good.progress
      },
      { event in
        words += [event].words
        if case .checkpoint(let progress) = event {
          saved = (trainer.network.parameters.flat.values, progress, trainer.step)
        }
        // What breaks after step 7 is broken for good.
        if case .step(let report) = event, report.step == 7, words.filter({ $0 == "7" }).count == 1 {
          trainer.network.parameters.flat[0] = .nan
          trainer.network.parameters.head[0] = .nan
        }
      })
    let told = "1 2 3 c3 4 5 6 c6 7 8s 9s r9>6 7 8 9 c9 10 11 12 c12"
    #expect(words.joined(separator: " ") == told)
    #expect(loop.progress.learningRateFactor == 0.5)
    #expect(loop.progress.batch == 15)
  }

  @Test func inTheMiddleOfTroubleNothingIsSaved() throws {
    var run = try explodingRun()
    (run.configuration.checkpointEvery, run.configuration.rewindLimit) = (1, 0)
    var loop = try run.loop()
    var words: [String] = []
    #expect(throws: TrainingError.self) { try loop.run { words += [$0].words } }
    #expect(words == ["1", "c1", "2s", "3s", "4s"])
  }

  @Test func aCheckpointIsGoodWhenAStepFromItWas() throws {
    var run = try explodingRun()
    (run.configuration.checkpointEvery, run.configuration.rewindFactor) = (1, 1e-32)
    run.configuration.steps = 5
    var loop = try run.loop()
    var words: [String] = []
    try loop.run { words += [$0].words }
    // The checkpoint of step 1 has the broken weights, which is seen at the next step only.
    #expect(words.joined(separator: " ") == "1 c1 2s 3s 4s r4>0 1 c1 2 c2 3 c3 4 c4 5 c5")
    #expect(loop.progress.savedStep == 5 && loop.progress.goodStep == 4)
  }

  @Test func aRunGoesBackToTheSameCheckpointTwice() throws {
    var run = try TinyRun()
    (run.configuration.steps, run.configuration.checkpointEvery, run.configuration.skipLimit) = (9, 3, 2)
    var loop = try run.loop()
    let trainer = loop.trainer
    var saved: [Int: (weights: [Float], progress: TrainingProgress, updates: Int)] = [:]
    var (words, broken): ([String], Int) = ([], 0)
    try loop.run(
      restore: { step in
        let good = try #require(saved[step])
        for (index, weight) in good.weights.enumerated() { trainer.network.parameters.flat[index] = weight }
        trainer.restore(trainer.network.parameters, updates: good.updates)
        return good.progress
      },
      { event in
        words += [event].words
        if case .checkpoint(let progress) = event {
          saved[progress.step] = (trainer.network.parameters.flat.values, progress, trainer.step)
        }
        // Broken after step 7, and at once when the run is back at step 6.
        guard broken < 2, words.last == "7" || words.last == "r9>6" else { return }
        broken += 1
        trainer.network.parameters.head[0] = .nan
      })
    #expect(words.joined(separator: " ") == "1 2 3 c3 4 5 6 c6 7 8s 9s r9>6 7s 8s r8>6 7 8 9 c9")
    #expect(loop.progress.rewinds == 2 && loop.progress.goodStep == 6)
  }

  @Test func patienceEndsARunThatGetsNoBetter() throws {
    var run = try TinyRun()
    (run.configuration.evaluateEvery, run.configuration.patience) = (1, 3)
    (run.configuration.learningRate, run.configuration.warmupSteps) = (1e-30, 0)
    var loop = try run.loop(isValidated: true)
    let end = try loop.run { _ in }
    #expect(end == .outOfPatience)
    #expect(loop.progress.step == 4 && loop.progress.bestStep == 1 && loop.progress.evaluationsSinceBest == 3)
    // Asked again, it ends again.
    let endAgain = try loop.run { _ in }
    #expect(endAgain == .outOfPatience)
    #expect(loop.progress.step == 4)
  }
}
