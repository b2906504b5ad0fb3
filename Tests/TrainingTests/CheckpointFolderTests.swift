import Checkpoints
import EngineTestSupport
import Files
import Foundation
import Modeling
import Retention
import Tensors
import TestSupport
import Testing
import Training

@Suite struct CheckpointFolderTests {
  private let folder: TemporaryFolder
  private let checkpoints: CheckpointFolder

  init() throws {
    folder = try TemporaryFolder()
    checkpoints = CheckpointFolder(path: folder.path)
  }

  private func state(_ trainer: Trainer, _ progress: TrainingProgress) -> TrainingState {
    TrainingState(
      configuration: trainer.configuration, progress: progress, data: ["train": "ab"], machine: ["threads": "1"],
      metricsLines: 7, seconds: 1.5)
  }

  private func save(_ trainer: Trainer, _ progress: TrainingProgress) throws {
    try checkpoints.save(state(trainer, progress), of: trainer, provenance: Provenance(), tokenizer: [1, 2, 3])
  }

  /// A run to a step, saved there.
  private func savedRun(_ run: TinyRun, to step: Int) throws -> TrainingLoop {
    var loop = try run.loop(isValidated: true)
    try loop.run(limit: step) { _ in }
    try save(loop.trainer, loop.progress)
    return loop
  }

  private func resumed(_ run: TinyRun, from step: Int, threadCount: Int = 1) throws -> TrainingLoop {
    let found = try checkpoints.open(step: step)
    let fresh = try run.loop(threadCount: threadCount, isValidated: true, progress: found.state.state.progress)
    try found.state.restore(fresh.trainer, model: found.model)
    return fresh
  }

  private func bits(_ loop: TrainingLoop) -> [[UInt32]] {
    let carried = loop.trainer.carriedState.map { state in
      state.layers.flatMap { layer in
        layer.retention.stored.values.map(\.bitPattern)
          + layer.retention.scales.values.flatMap {
            [UInt32($0.bitPattern >> 32), UInt32(truncatingIfNeeded: $0.bitPattern)]
          }
      } + [UInt32(state.position)]
    }
    return ([loop.trainer.network.parameters.flat] + loop.trainer.slots.map(\.tensors.flat)).map {
      $0.values.map(\.bitPattern)
    } + [carried ?? []]
  }

  @Test(arguments: [1, 2], [false, true])
  func aRunThatGoesOnMakesTheSameStepsToTheBit(_ threadCount: Int, _ carriesState: Bool) throws {
    var run = try TinyRun(documents: [
      [3, 4, 5, 6, 7], Array(repeating: 8, count: 90), [5, 3], Array(repeating: 9, count: 70),
    ])
    run.configuration.carriesState = carriesState
    (run.configuration.steps, run.configuration.evaluateEvery, run.configuration.checkpointEvery) = (17, 4, 5)
    var whole = try run.loop(isValidated: true)
    var events: [TrainingEvent] = []
    try whole.run { events.append($0) }
    for step in [1, 4, 5, 8, 16] {
      _ = try savedRun(run, to: step)
      var rest = try resumed(run, from: step, threadCount: threadCount)
      var later: [TrainingEvent] = []
      let end = try rest.run { later.append($0) }
      #expect(end == .complete)
      #expect(later.words == Array(events.words.suffix(later.count)))
      #expect(later.losses == Array(events.losses.suffix(17 - step)))
      #expect(rest.progress == whole.progress)
      #expect(bits(rest) == bits(whole), "from step \(step)")
    }
  }

  @Test(arguments: OptimizerKind.allCases, [1, 2])
  func everyOptimizerGoesOnToTheBit(_ optimizer: OptimizerKind, _ threadCount: Int) throws {
    var run = try TinyRun()
    (run.configuration.steps, run.configuration.checkpointEvery, run.configuration.evaluateEvery) = (11, 4, 3)
    run.configuration.optimizer = optimizer
    run.configuration.averageDecay = 0.7
    run.configuration.decaysCautiously = true
    run.configuration.weightDecaySchedule = .cosine
    run.configuration.beta2HalfLife = 3_000
    run.configuration.groups.embedding = GroupSettings(learningRate: 3, weightDecay: 0, beta1: 0.8, beta2: 0.95)
    var whole = try run.loop(isValidated: true)
    try whole.run { _ in }
    for recompute in Recomputation.allCases {
      run.configuration.recompute = recompute
      for step in [1, 4, 9] {
        _ = try savedRun(run, to: step)
        var rest = try resumed(run, from: step, threadCount: threadCount)
        try rest.run { _ in }
        #expect(bits(rest) == bits(whole), "from step \(step)")
      }
    }
  }

  @Test func whatWasSavedIsReadBack() throws {
    let run = try TinyRun()
    let loop = try savedRun(run, to: 3)
    let found = try checkpoints.open(step: 3)
    #expect(found.state.state == state(loop.trainer, loop.progress))
    #expect(found.state.updates == 3)
    #expect(try found.model.tokenizerModel() == [1, 2, 3])
    #expect(found.state.modelDigest == found.model.storedDigest)
    #expect(try bits(resumed(run, from: 3)) == bits(loop))
  }

  @Test func anEvaluationThatAStopCutOffIsMadeUpFor() throws {
    var run = try TinyRun()
    (run.configuration.steps, run.configuration.evaluateEvery) = (6, 3)
    var loop = try run.loop(isValidated: true)
    var stops = 0
    // Asked before each of three steps, and then in the evaluation.
    let shouldStop = {
      stops += 1
      return stops == 4
    }
    let end = try loop.run(shouldStop: shouldStop) { _ in }
    #expect(end == .stopped)
    #expect(loop.progress.step == 3 && loop.progress.evaluatedStep == 0)
    try save(loop.trainer, loop.progress)
    var rest = try resumed(run, from: 3)
    var words: [String] = []
    try rest.run { words += [$0].words }
    #expect(words.map { $0.replacing("*", with: "") } == ["e3", "4", "5", "6", "e6"])
  }

  @Test func aStepThatAStopCutOffIsMadeAgain() throws {
    var run = try TinyRun()
    run.configuration.steps = 5
    run.configuration.largestMicroBatchTokens = run.configuration.sequenceLength
    var whole = try run.loop(isValidated: true)
    try whole.run { _ in }
    var loop = try run.loop(isValidated: true)
    var questions = 0
    // Asked before each micro-batch of four: the stop comes before the third of the third step.
    let shouldStop = {
      questions += 1
      return questions == 11
    }
    let end = try loop.run(shouldStop: shouldStop) { _ in }
    #expect(end == .stopped)
    #expect(loop.progress.step == 2 && loop.progress.batch == 2 && loop.trainer.step == 2)
    try save(loop.trainer, loop.progress)
    var rest = try resumed(run, from: 2)
    try rest.run { _ in }
    #expect(bits(rest) == bits(whole))
  }

  @Test(arguments: ["step-00000002.safetensors", "step-00000002.training-state.safetensors"])
  func everyDamagedByteIsFound(_ name: String) throws {
    _ = try savedRun(try TinyRun(), to: 2)
    let whole = try folder.contents(of: name)
    func expectRefused(_ bytes: [UInt8], _ what: String) throws {
      _ = try folder.add(name, bytes)
      let error = #expect(throws: (any Error).self, "\(what)") { try checkpoints.open(step: 2) }
      #expect(error is CheckpointError || error is ModelFileError || error is FileError, "\(what)")
      #expect(error.map { "\($0)" }?.contains(folder.path) == true)
    }
    for length in [0, 7, 100, whole.count / 2, whole.count - 1] {
      try expectRefused(Array(whole[..<length]), "cut to \(length)")
    }
    for place in stride(from: whole.count - 1, to: whole.count / 4, by: -whole.count / 9) {
      var bytes = whole
      bytes[place] ^= 4
      try expectRefused(bytes, "bit at \(place)")
    }
    _ = try folder.add(name, whole)
    _ = try checkpoints.open(step: 2)
  }

  @Test func filesOfTwoRunsAreNotTakenForOne() throws {
    var run = try TinyRun()
    _ = try savedRun(run, to: 2)
    let state = try folder.contents(of: "step-00000002.training-state.safetensors")
    run.configuration.seed = 2
    _ = try savedRun(run, to: 2)
    _ = try folder.add("step-00000002.training-state.safetensors", state)
    #expect(throws: ModelFileError.self) { try checkpoints.open(step: 2) }
  }

  @Test func aStepExistsWhenBothFilesDo() throws {
    #expect(try checkpoints.steps() == [])
    for name in [
      "step-00000005.safetensors", "step-00000005.training-state.safetensors", "step-00000007.safetensors",
      "step-00000009.training-state.safetensors", "step-1234567890.safetensors",
      "step-1234567890.training-state.safetensors", "notes.txt", "step-x.safetensors",
    ] { _ = try folder.add(name, []) }
    #expect(try checkpoints.steps() == [5, 1_234_567_890])
    #expect(CheckpointFolder.step(ofPath: checkpoints.statePath(step: 12)) == 12)
    #expect(CheckpointFolder.step(ofPath: "runs/x/checkpoints/step-00000012") == 12)
    #expect(CheckpointFolder.step(ofPath: "step-12.yaml") == nil)
  }

  @Test func whatIsHalfThereIsRemoved() throws {
    for name in [
      "step-00000002.safetensors", "step-00000004.safetensors", "step-00000004.training-state.safetensors",
      "step-00000006.training-state.safetensors", "step-00000008.safetensors", "notes.txt",
    ] { _ = try folder.add(name, []) }
    try checkpoints.removeStatesWithoutModel()
    #expect(try !folder.names.contains("step-00000006.training-state.safetensors"))
    // A model alone may be one that somebody wants to keep; a later one is of steps that are made again.
    #expect(try checkpoints.remove(laterThan: 4) == [8])
    let kept = [
      "notes.txt", "step-00000002.safetensors", "step-00000004.safetensors", "step-00000004.training-state.safetensors",
    ]
    #expect(try folder.names == kept)
  }

  @Test func theNewestTheMilestonesAndTheGoodOneAreKept() throws {
    var run = try TinyRun()
    (run.configuration.steps, run.configuration.checkpointEvery) = (20, 2)
    (run.configuration.keepCheckpoints, run.configuration.milestoneEvery) = (2, 6)
    var loop = try run.loop()
    let trainer = loop.trainer
    var last = TrainingProgress()
    try loop.run { event in
      guard case .checkpoint(let progress) = event else { return }
      last = progress
      try save(trainer, progress)
      try checkpoints.removeOld(progress, run.configuration)
    }
    #expect(try checkpoints.steps() == [6, 12, 18, 20])
    // One that a stop left between them goes as soon as a newer one is there.
    try FileManager.default.copyItem(atPath: checkpoints.modelPath(step: 20), toPath: checkpoints.modelPath(step: 19))
    try FileManager.default.copyItem(atPath: checkpoints.statePath(step: 20), toPath: checkpoints.statePath(step: 19))
    try checkpoints.removeOld(last, run.configuration)
    #expect(try checkpoints.steps() == [6, 12, 18, 20])
  }
}
