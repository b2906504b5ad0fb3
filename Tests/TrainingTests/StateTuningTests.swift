import Corpora
import EngineTestSupport
import Files
import Inference
import Modeling
import Tensors
import TestSupport
import Testing
import Training

/// `state_tuning`: the state that documents start from is trained, and nothing else.
@Suite struct StateTuningTests {
  private let folder: TemporaryFolder
  private let checkpoints: CheckpointFolder

  init() throws {
    folder = try TemporaryFolder()
    checkpoints = CheckpointFolder(path: folder.path)
  }

  /// Documents that begin in the middle of sequences, of a text that the weights know nothing of.
  private func run(steps: Int = 30) throws -> TinyRun {
    var run = try TinyRun(documents: (0..<30).map { index in (0..<3 + index % 9).map { [3, 4, 5, 6, 7][$0 % 5] } })
    run.configuration.tunesState = true
    (run.configuration.steps, run.configuration.learningRate) = (steps, 0.1)
    run.configuration.precision = .float32
    return run
  }

  private func save(_ loop: TrainingLoop) throws {
    let state = TrainingState(
      configuration: loop.trainer.configuration, progress: loop.progress, data: [:], machine: [:], metricsLines: 0,
      seconds: 0)
    try checkpoints.save(state, of: loop.trainer, provenance: Provenance(), tokenizer: [1])
  }

  private func bits(_ loop: TrainingLoop) throws -> [[UInt32]] {
    let (first, second) = (loop.trainer.slots[0].tensors, loop.trainer.slots[1].tensors)
    let state = try #require(loop.trainer.initialState).values
    return [loop.trainer.network.parameters.flat, state.flat, first.flat, second.flat].map {
      $0.values.map(\.bitPattern)
    }
  }

  @Test func theStateLearnsAndTheWeightsStay() throws {
    var loop = try run().loop()
    let before = loop.trainer.network.parameters.flat.values.map(\.bitPattern)
    var losses: [Double] = []
    try loop.run { if case .step(let report) = $0 { losses.append(report.loss) } }
    #expect(loop.trainer.network.parameters.flat.values.map(\.bitPattern) == before)
    let (start, end) = (losses[..<5].reduce(0, +) / 5, losses.suffix(5).reduce(0, +) / 5)
    #expect(end < 0.9 * start, "\(start) to \(end)")
    let model = TinyRun.model()
    #expect(loop.trainer.slots[0].tensors.descriptions == InitialState.descriptions(model))
    #expect(loop.trainer.initialState?.values.flat.count == 2 * 2 * 16 * 32)
  }

  /// What a reader that goes on from the state file finds is what training found on the same batch.
  @Test func theLossOfABatchIsThatOfReadingItFromTheState() throws {
    var loop = try run(steps: 6).loop()
    try loop.run { _ in }
    let trainer = loop.trainer
    let batches = try run().batches()
    try trainer.inputs.withMutableSpan { inputs in
      try trainer.targets.withMutableSpan { targets in
        try trainer.documentStarts.withMutableSpan { documents in
          try batches.copyBatch(at: 40, inputs: &inputs, targets: &targets, documentStarts: &documents)
        }
      }
    }
    let pool = WorkerPool(threadCount: 2)
    let initial = try #require(trainer.initialState)
    let file = folder.path + "/tuned.safetensors"
    try SavedState(
      progress: initial.readingProgress(TinyRun.model(), on: pool), random: 0, modelDigest: SHA256Digest(of: []),
      tokenizerDigest: SHA256Digest(of: [])
    ).write(to: file, format: .float32)
    // A generator goes on in the memory of the progress that it gets.
    func reader() throws -> Generator {
      Generator(trainer.network, try StateFile(path: file).load().progress, on: pool)
    }
    #expect(try reader().state.position == 0)
    let expected = try #require(trainer.computeGradient()).loss
    var (nats, count, starts) = (0.0, 0, 0)
    for row in 0..<4 {
      var generator = try reader()
      for time in 0..<20 {
        let index = row * 20 + time
        if Int(trainer.documentStarts[index]) == time, time > 0 {
          generator = try reader()
          starts += 1
        }
        generator.read([trainer.inputs[index]])
        let target = trainer.targets[index]
        guard target >= 0 else { continue }
        nats -= TokenProbabilities(generator.nextLogits)[target].logProbability
        count += 1
      }
    }
    #expect(starts > 4 && count > 40)
    // Another form: sums of Float32 in another order.
    #expect(abs(nats / Double(count) / expected - 1) < 2e-6, "\(nats / Double(count)), in training \(expected)")
  }

  @Test(arguments: [1, 2])
  func aRunThatGoesOnMakesTheSameStepsToTheBit(_ threadCount: Int) throws {
    let run = try run(steps: 9)
    var whole = try run.loop(isValidated: true)
    try whole.run { _ in }
    for step in [1, 5] {
      var part = try run.loop(isValidated: true)
      try part.run(limit: step) { _ in }
      try save(part)
      let found = try checkpoints.open(step: step)
      var rest = try run.loop(threadCount: threadCount, isValidated: true, progress: found.state.state.progress)
      try found.state.restore(rest.trainer, model: found.model)
      try rest.run { _ in }
      #expect(try bits(rest) == bits(whole))
      #expect(rest.progress == whole.progress)
    }
  }

  @Test func evaluationsStartFromTheStateToo() throws {
    let score = { (run: TinyRun) in
      var (loop, found) = (try run.loop(isValidated: true), 0.0)
      try loop.run { if case .evaluation(let progress, _, _, _) = $0 { found = progress.bestBitsPerByte ?? 0 } }
      return found
    }
    #expect(try score(run(steps: 30)) < 0.95 * score(run(steps: 1)))
  }

  @Test func theForecastNamesTheState() throws {
    let configuration = try run().configuration
    let forecast = MemoryForecast(TinyRun.model(), configuration, isEvaluated: false, workers: 1, program: 0)
    var parts = Dictionary(uniqueKeysWithValues: forecast.parts.map { ($0.name, $0.byteCount) })
    #expect(parts["initial state"] == Double(2 * 4 * 2 * 2 * 16 * 32))
    #expect(parts["optimizer moments"] == parts["initial state"])
    for name in ["packed operands", "program"] { parts[name] = nil }
    let held = storedBytes(of: Trainer(TinyRun.model(), configuration, on: WorkerPool(threadCount: 1)))
    #expect(held >= parts.values.reduce(0, +) && held <= 1.002 * parts.values.reduce(0, +))
  }
}
