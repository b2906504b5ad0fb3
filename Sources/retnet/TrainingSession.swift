internal import Checkpoints
internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Tensors
internal import Tokenization
internal import Training

/// Where this process stops, though the run may not be at its end.
struct TrainingLimits {
  let step: Int?
  let time: Duration?
}

/// A training run with its folder: progress for people, metrics and models for the disk.
struct TrainingSession {
  private let plan: TrainingPlan
  private let folder: RunFolder
  private let machine: [String: String]
  private let options: GlobalOptions
  private let trainer: Trainer
  private let loop: TrainingLoop
  private let sample: TrainingSample
  private let pool: WorkerPool
  private var metrics: MetricsLog
  private var reports: TrainingReports
  private var progress: ProgressLine
  private let start = ContinuousClock.now
  private let secondsBefore: Double
  private var stepsHere = 0
  private var detail: TrainingDetail
  /// What the newest checkpoint on disk says.
  private var saved: TrainingProgress?

  /// - Throws: What is wrong with the checkpoint's moments, with the weights to begin with, or with the log.
  init(
    _ plan: TrainingPlan, folder: RunFolder, start: StartingModel?, checkpoint: TrainingCheckpoint?,
    machine: [String: String], options: GlobalOptions, on pool: WorkerPool
  ) throws {
    self.plan = plan
    self.folder = folder
    self.machine = machine
    self.options = options
    self.pool = pool
    StopSignals.listen()
    trainer = Trainer(plan.model, plan.training, on: pool)
    sample = try TrainingSample(plan, of: trainer, on: pool)
    if let checkpoint {
      try checkpoint.file.restore(trainer, model: checkpoint.model)
    } else if let source = start?.source {
      trainer.begin(with: try source.loadParameters())
    }
    saved = checkpoint?.state.progress
    let past = saved ?? TrainingProgress()
    loop = TrainingLoop(
      trainer, progress: past, batches: plan.batches, validation: plan.validationFile,
      startsFromCheckpoint: plan.initial != nil, on: pool)
    secondsBefore = checkpoint?.state.seconds ?? 0
    detail = TrainingDetail(bytesPerToken: plan.bytesPerToken, bestBitsPerByte: past.bestBitsPerByte)
    var reports = TrainingReports(folder, plan)
    metrics = try MetricsLog(
      path: folder.file("metrics.jsonl"), keeping: checkpoint?.state.metricsLines ?? 0,
      warn: { StandardStream.error.say($0) }, { reports.read($0) })
    self.reports = reports
    progress = ProgressLine(
      "train", unit: "steps", total: plan.training.steps, alreadyDone: past.step, style: options.progressStyle)
  }

  /// Trains to the end, or to a limit; a signal saves the last step and throws.
  ///
  /// - Returns: The result in one line.
  mutating func run(_ limits: TrainingLimits) throws -> String {
    var loop = loop
    let (folder, trainer, start) = (folder, trainer, start)
    report { $0.begin(after: loop.progress.step) }
    do {
      // The process before may have been killed between saving and removing.
      if let saved { try folder.checkpoints.removeOld(saved, plan.training) }
      // From here on the run needs nothing but its folder.
      if saved == nil, plan.initial != nil { try save(loop.progress) }
      let end = try loop.run(
        limit: limits.step,
        shouldStop: {
          // A limit of time leaves room for a step, so that processes in a row get somewhere.
          let isLate = stepsHere > 0 && limits.time.map { ContinuousClock.now - start >= $0 } ?? false
          return isLate || StopSignals.received != nil
        },
        restore: { step in
          let (model, state) = try folder.checkpoints.open(step: step)
          try state.restore(trainer, model: model)
          return state.state.progress
        },
        { event in try take(event) })
      progress.finish(done: loop.progress.step, detail: detail.text)
      report { $0.draw() }
      if saved != loop.progress, loop.progress.step > 0 { try save(loop.progress) }
      return try finish(loop.progress, end)
    } catch let error as TrainingError {
      progress.leaveLine()
      report { $0.draw() }
      let good = loop.progress.goodStep
      let checkpoint = good > 0 ? "the last good checkpoint is \(folder.checkpoints.modelPath(step: good)); " : ""
      throw CommandError(
        .guarded, "\(folder.path): \(error)",
        hint: checkpoint + "train anew with a lower training.learning_rate, or go on with --resume auto and a higher "
          + "training.rewind_limit")
    } catch let error as FileError {
      throw failure(error)
    } catch CheckpointError.file(let error) {
      throw failure(error)
    }
  }

  /// A disk that takes no more: what was saved stays.
  private mutating func failure(_ error: FileError) -> any Error {
    progress.leaveLine()
    switch error {
    case .cannotWrite, .cannotCreate:
      return CommandError(.cannotCreate, error.description, hint: hint("make room on the disk"))
    default: return error
    }
  }

  private func hint(_ advice: String) -> String {
    guard let saved else { return "\(advice); no checkpoint was written yet" }
    let path = folder.checkpoints.modelPath(step: saved.step)
    return "\(advice); the last good checkpoint is \(path), and --resume auto goes on from there"
  }

  private func finish(_ progress: TrainingProgress, _ end: TrainingEnd) throws -> String {
    if case .stopped = end, let signal = StopSignals.received {
      guard progress.step > 0 else {
        options.say("stopped by \(signal) before the first step")
        throw StopSignals.exit
      }
      options.say("stopped by \(signal) \(Self.advice(progress))")
      throw ExitStatus.stopped.exit
    }
    switch end {
    case .stopped: options.say("stopped \(Self.advice(progress))")
    case .outOfPatience:
      options.say(
        "stopped after step \(progress.step): \(progress.evaluationsSinceBest) evaluations brought nothing better than "
          + "step \(progress.bestStep)")
    case .complete: break
    }
    let last = try saveResult("last", progress)
    guard let best = progress.bestBitsPerByte else { return last }
    return "\(resultPath("best"))  \(best.fixed(4)) bits per byte on \(plan.data.validation)"
  }

  private static func advice(_ progress: TrainingProgress) -> String {
    "after step \(progress.step), which is saved; go on with --resume auto"
  }

  private var seconds: Double { secondsBefore + (ContinuousClock.now - start).inSeconds }

  private mutating func take(_ event: TrainingEvent) throws {
    switch event {
    case .step(let report): try take(report)
    case .evaluation(let progress, let score, let isBest): try take(score, progress, isBest: isBest)
    case .checkpoint(let progress): try save(progress)
    case .rewind(let step, let progress):
      self.progress.leaveLine()
      options.say(
        "step \(step): \(plan.training.skipLimit) steps in a row were skipped; back to step \(progress.step), learning "
          + "rate × \(progress.learningRateFactor)")
      // A signal may have left some: a kill must not lead back to them when the good one is no longer kept.
      try folder.checkpoints.remove(laterThan: progress.step)
      try record([
        "step": .integer(step), "rewind_to": .integer(progress.step), "rewinds": .integer(progress.rewinds),
        "learning_rate_factor": .number(progress.learningRateFactor), "seconds": .seconds(seconds),
      ])
      self.progress.goBack(to: progress.step)
    }
  }

  private mutating func take(_ report: StepReport) throws {
    stepsHere += 1
    if report.skipped == nil { detail.take(loss: report.loss) }
    progress.update(done: report.step, detail: detail.text)
    if report.step % plan.training.logEvery == 0 || report.step == 1 || report.skipped != nil {
      var line: [String: JSONValue] = [
        "step": .integer(report.step), "loss": .number(report.loss), "gradient_norm": .number(report.gradientNorm),
        "learning_rate": .number(report.learningRate), "tokens": .integer(report.step * plan.training.batchTokens),
        "seconds": .seconds(seconds),
      ]
      if let reason = report.skipped { line["skipped"] = .text(reason.rawValue) }
      try record(line)
    }
    guard sample.isDue(after: report.step) else { return }
    let text = sample.text()
    progress.leaveLine()
    options.say("sample after step \(report.step): \(text)")
    try record(["step": .integer(report.step), "sample": .text(text), "seconds": .seconds(seconds)])
    reports.restartClock(at: report.step)
  }

  private mutating func take(_ score: Score, _ progress: TrainingProgress, isBest: Bool) throws {
    try record([
      "step": .integer(progress.step), "validation_loss": .number(score.loss),
      "bits_per_byte": .number(score.bitsPerByte), "perplexity": .number(score.perplexity),
      "seconds": .seconds(seconds),
    ])
    detail.bestBitsPerByte = progress.bestBitsPerByte
    if isBest { try saveResult("best", progress) }
    reports.restartClock(at: progress.step)
  }

  private mutating func save(_ progress: TrainingProgress) throws {
    try metrics.sync()
    report { $0.sync() }
    let state = TrainingState(
      configuration: plan.training, progress: progress, data: plan.dataDigests.merging(plan.dataSettings) { $1 },
      machine: machine, initial: plan.initial, metricsLines: metrics.lineCount, seconds: seconds)
    try folder.checkpoints.save(
      state, of: trainer, provenance: provenance(progress), tokenizer: plan.tokenizer.model)
    saved = progress
    try folder.checkpoints.removeOld(progress, plan.training)
    reports.restartClock(at: progress.step)
  }

  private mutating func record(_ members: [String: JSONValue]) throws {
    try metrics.write(members)
    report { $0.take(MetricsRow(members)) }
  }

  private mutating func report(_ work: (inout TrainingReports) -> Void) {
    work(&reports)
    guard let problem = reports.takeProblem() else { return }
    progress.leaveLine()
    StandardStream.error.say(problem)
  }

  /// A model, or with `state_tuning` a state.
  private func resultPath(_ name: String) -> String {
    folder.file(name + (trainer.initialState == nil ? ".safetensors" : ".state.safetensors"))
  }

  @discardableResult
  private func saveResult(_ name: String, _ progress: TrainingProgress) throws -> String {
    let path = resultPath(name)
    guard let initial = trainer.initialState else {
      try trainer.network.write(to: path, provenance: provenance(progress), tokenizer: plan.tokenizer.model)
      return path
    }
    // The state of the model that the run began with: its weights are as they were.
    guard let model = plan.initial.flatMap({ SHA256Digest(hex: $0.digest) }) else {
      preconditionFailure("saveResult: a state is trained without a model")
    }
    let state = SavedState(
      progress: initial.readingProgress(plan.model, on: pool), random: 0, modelDigest: model,
      tokenizerDigest: SHA256Digest(of: plan.tokenizer.model))
    try state.write(to: path, format: .float32)
    return path
  }

  private func provenance(_ progress: TrainingProgress) -> Provenance {
    Provenance(
      seed: UInt64(plan.training.seed), steps: progress.step, tokensSeen: progress.batch * plan.training.batchTokens,
      dataDigest: plan.dataDigests["train"] ?? "", toolVersion: "retnet \(Version.number)",
      parent: plan.initial?.digest, family: plan.initial?.family)
  }
}
