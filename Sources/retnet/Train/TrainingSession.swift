internal import Checkpoints
internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Tensors
internal import Tokenization
internal import Training

/// A training run with its folder, which takes steps, writes checkpoints and handles the end.
struct TrainingSession {
  private let plan: TrainingPlan
  private let folder: RunFolder
  private let machine: [String: String]
  private let display: RunDisplay
  private let options: GlobalOptions
  private let trainer: Trainer
  private let loop: TrainingLoop
  private let sample: TrainingSample
  private var results: RunResults
  private var record: TrainingRecord
  private let start = ContinuousClock.now
  private var stepsHere = 0
  /// The progress stored in the newest checkpoint on disk.
  private var saved: TrainingProgress?

  /// - Throws: The errors of the checkpoint's optimizer moments, of the initial weights, or of the log.
  init(
    _ plan: TrainingPlan, folder: RunFolder, start: StartingModel?, checkpoint: TrainingCheckpoint?,
    machine: [String: String], display: RunDisplay, options: GlobalOptions, on pool: WorkerPool
  ) throws {
    self.plan = plan
    self.folder = folder
    self.machine = machine
    self.display = display
    self.options = options
    StopSignals.listen()
    trainer = Trainer(plan.model, plan.training, on: pool)
    sample = try TrainingSample(plan, of: trainer, on: pool)
    results = RunResults(plan, folder, of: trainer, bestDigest: checkpoint?.state.bestDigest, on: pool)
    if let checkpoint {
      if checkpoint.isNamed, let note = try results.putBackBest(checkpoint.state.progress, isAtEnd: false) {
        options.say(note)
      }
      try checkpoint.file.restore(trainer, model: checkpoint.model)
    } else if let source = start?.source {
      trainer.begin(with: try source.loadParameters())
    }
    saved = checkpoint?.state.progress
    loop = TrainingLoop(
      trainer, progress: saved ?? TrainingProgress(), batches: plan.batches, validation: plan.validationFile,
      scoredBytes: ScoredBytes(plan.tokenizer), startsFromCheckpoint: plan.initial != nil, on: pool)
    record = try TrainingRecord(plan, folder, after: checkpoint?.state, display: display, options: options)
  }

  /// Trains to the end or to a limit. A signal or an unreadable token file saves the last step and throws.
  ///
  /// - Returns: The result in one line.
  mutating func run(_ limits: TrainingLimits) throws -> String {
    var loop = loop
    let (folder, trainer, start) = (folder, trainer, start)
    record.begin(after: loop.progress.step)
    do {
      // The process before may have been killed between saving and removing.
      if let saved { try folder.checkpoints.removeOld(saved, plan.training) }
      // From here on the run needs nothing but its folder.
      if saved == nil, plan.initial != nil { try save(loop.progress) }
      let end = try loop.run(
        limit: limits.step,
        shouldStop: {
          // A time limit always leaves room for one step, so that repeated processes make progress.
          let isLate = stepsHere > 0 && limits.time.map { ContinuousClock.now - start >= $0 } ?? false
          return isLate || StopSignals.received != nil
        },
        restore: { step in
          let (model, state) = try folder.checkpoints.open(step: step)
          try state.restore(trainer, model: model)
          return state.state.progress
        },
        { event in try take(event) })
      record.finish(after: loop.progress.step)
      if saved != loop.progress, loop.progress.step > 0 { try save(loop.progress) }
      return try finish(loop, end)
    } catch let error as TrainingError {
      record.leaveLine()
      record.draw()
      let good = loop.progress.goodStep
      let checkpoint = good > 0 ? "the last good checkpoint is \(folder.checkpoints.modelPath(step: good)); " : ""
      var advice = "train again with a lower training.learning_rate"
      if case .diverged = error { advice += ", or resume with --resume auto and a higher training.rewind_limit" }
      throw CommandError(.guarded, "\(folder.path): \(error)", hint: checkpoint + advice)
    } catch FileError.cannotRead(let path, let reason) where plan.tokenPaths.contains(path) {
      try saveAfterFailure(loop.progress)
      throw CommandError(
        .inputOutput, FileError.cannotRead(path: path, reason: reason).description, hint: hint("restore the file"))
    } catch let error as CorpusError {
      try saveAfterFailure(loop.progress)
      throw CommandError(.badData, error.description, hint: hint("restore the file"))
    } catch let error as FileError {
      throw failure(error)
    } catch CheckpointError.file(let error) {
      throw failure(error)
    }
  }

  /// Saves the last step. It is complete even if a token file was changed after it was opened.
  private mutating func saveAfterFailure(_ progress: TrainingProgress) throws {
    record.leaveLine()
    if saved != progress, progress.step > 0 { try save(progress) }
  }

  /// The error for a full disk: what was saved before stays.
  private mutating func failure(_ error: FileError) -> any Error {
    record.leaveLine()
    switch error {
    case .cannotWrite, .cannotCreate:
      return CommandError(.cannotCreate, error.description, hint: hint("make room on the disk"))
    default: return error
    }
  }

  private func hint(_ advice: String) -> String {
    guard let saved else { return "\(advice); no checkpoint was written yet" }
    let path = folder.checkpoints.modelPath(step: saved.step)
    return "\(advice); the last good checkpoint is \(path); \(display.resumeAdvice)"
  }

  private mutating func finish(_ loop: TrainingLoop, _ end: TrainingEnd) throws -> String {
    let progress = loop.progress
    if case .stopped = end, let signal = StopSignals.received {
      guard progress.step > 0 else {
        options.say("stopped by \(signal) before the first step")
        throw StopSignals.exit
      }
      options.say("stopped by \(signal) \(advice(progress))")
      throw ExitStatus.stopped.exit
    }
    var isBestWanted = false
    if case .stopped = end, plan.validationFile != nil {
      isBestWanted = try results.makeRoomForBestOfStop()
    }
    let last = try results.saveLast(progress)
    if let path = try results.saveAverage(progress) { options.say("\(path): the averaged weights") }
    switch end {
    case .stopped:
      options.say("stopped \(advice(progress))")
      if isBestWanted { return try bestOfStop(loop) }
    case .outOfPatience, .complete:
      if case .outOfPatience = end {
        options.say(
          "stopped early at step \(progress.step): no better score than that of step \(progress.bestStep) for "
            + "\(progress.evaluationsSinceBest) evaluations")
      }
      // A killed process may have written results of steps that were later repeated differently.
      if let note = try results.putBackBest(progress, isAtEnd: true) { options.say(note) }
    }
    guard let best = progress.bestBitsPerByte, results.hasBest(of: progress) else { return last }
    return result(results.path("best"), best)
  }

  /// At a stop without a best model, evaluates the current model, so that later commands find a best model.
  ///
  /// - Returns: The result in one line.
  private func bestOfStop(_ loop: TrainingLoop) throws -> String {
    guard let score = try loop.score(shouldStop: { StopSignals.received != nil }) else {
      options.say("the evaluation was stopped by \(StopSignals.received ?? "a signal"); there is no best model yet")
      throw ExitStatus.stopped.exit
    }
    let path = try results.saveBestOfStop(loop.progress)
    options.say(
      "\(path): the model of step \(loop.progress.step), because no best model was saved; the next evaluation replaces it"
    )
    return result(path, score.bitsPerByte)
  }

  private func result(_ path: String, _ bitsPerByte: Double) -> String {
    "\(path)  \(bitsPerByte.fixed(4)) bits per byte on \(plan.data.validation)"
  }

  private func advice(_ progress: TrainingProgress) -> String {
    "after step \(progress.step), which is saved; \(display.resumeAdvice)"
  }

  private mutating func take(_ event: TrainingEvent) throws {
    switch event {
    case .step(let report):
      stepsHere += 1
      try record.take(report)
      if sample.isDue(after: report.step) { try record.take(sample: sample.text(), after: report.step) }
    case .evaluation(let progress, let score, let averaged, let isBest):
      try record.take(score, averaged: averaged, progress)
      if isBest { try results.saveBest(progress) }
      record.restartClock(at: progress.step)
    case .checkpoint(let progress): try save(progress)
    case .rewind(let step, let progress):
      // A signal may have left later checkpoints. A kill must not lead back to them when the good one is gone.
      try folder.checkpoints.remove(laterThan: progress.step)
      try record.takeRewind(from: step, to: progress)
    }
  }

  private mutating func save(_ progress: TrainingProgress) throws {
    try record.sync()
    let state = TrainingState(
      configuration: plan.training, progress: progress, data: plan.dataDigests.merging(plan.dataSettings) { $1 },
      machine: machine, initial: plan.initial, bestDigest: results.bestDigest, metricsLines: record.lineCount,
      seconds: record.seconds)
    try folder.checkpoints.save(
      state, of: trainer, provenance: plan.provenance(progress), tokenizer: plan.tokenizer.model)
    saved = progress
    try folder.checkpoints.removeOld(progress, plan.training)
    record.restartClock(at: progress.step)
  }
}

/// Where this process stops, possibly before the end of the run.
struct TrainingLimits {
  let step: Int?
  let time: Duration?
}
