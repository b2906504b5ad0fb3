internal import Corpora
internal import Files
internal import Inference
internal import Training

/// Reports what happens in a run to the progress line, the log, the chart and the events.
struct TrainingRecord {
  private let training: TrainingConfiguration
  private let options: GlobalOptions
  private var metrics: MetricsLog
  private var reports: TrainingReports
  private var progress: ProgressLine
  private var detail: TrainingDetail
  private let display: RunDisplay
  private let start = ContinuousClock.now
  private let (stepBefore, secondsBefore): (Int, Double)

  /// - Parameters:
  ///   - plan: The plan of the run.
  ///   - folder: The run folder.
  ///   - state: The state of the checkpoint, to which the log is truncated; nil if the run is new.
  ///   - display: How the run shows its progress.
  ///   - options: Whether to print messages.
  /// - Throws: `FileError` of the log.
  init(
    _ plan: TrainingPlan, _ folder: RunFolder, after state: TrainingState?, display: RunDisplay,
    options: GlobalOptions
  ) throws {
    training = plan.training
    self.display = display
    self.options = options
    (stepBefore, secondsBefore) = (state?.progress.step ?? 0, state?.seconds ?? 0)
    detail = TrainingDetail(bytesPerToken: plan.bytesPerToken, bestBitsPerByte: state?.progress.bestBitsPerByte)
    var reports = TrainingReports(folder, plan)
    metrics = try MetricsLog(
      path: folder.file("metrics.jsonl"), keeping: state?.metricsLines ?? 0,
      warn: { StandardStream.error.say($0) }, { reports.read($0) })
    self.reports = reports
    progress = ProgressLine(
      display.label, unit: "steps", total: training.steps, alreadyDone: stepBefore, style: options.progressStyle)
  }

  /// The time of the run so far, in all its processes.
  var seconds: Double { secondsBefore + (ContinuousClock.now - start).inSeconds }

  /// The number of lines in the log.
  var lineCount: Int { metrics.lineCount }

  /// Starts the files of this process.
  ///
  /// - Parameter step: The last finished step.
  mutating func begin(after step: Int) { report { $0.begin(after: step) } }

  /// Reports a step that was taken or skipped.
  mutating func take(_ report: StepReport) throws {
    if report.skipped == nil { detail.take(loss: report.loss) }
    progress.update(done: report.step, detail: details(after: report.step))
    guard report.step % training.logEvery == 0 || report.step == 1 || report.skipped != nil else { return }
    var line: [String: JSONValue] = [
      "step": .integer(report.step), "loss": .number(report.loss), "gradient_norm": .number(report.gradientNorm),
      "learning_rate": .number(report.learningRate), "tokens": .integer(report.step * training.batchTokens),
    ]
    if let reason = report.skipped { line["skipped"] = .text(reason.rawValue) }
    if let place = report.notFinite {
      line["place"] = .text(place.name)
      progress.leaveLine()
      options.say("step \(place.step): \(place.name) is not finite; such steps are skipped")
    }
    try write(line)
  }

  private func details(after step: Int) -> [ProgressLine.Detail] {
    guard let left = display.secondsLeft(stepBefore, step) else { return detail.parts }
    return [.init("all runs ETA \(clockTime(left))")] + detail.parts
  }

  /// Reports a sample text that the model generated after a step.
  mutating func take(sample text: String, after step: Int) throws {
    progress.leaveLine()
    options.say("sample after step \(step): \(text)")
    try write(["step": .integer(step), "sample": .text(text)])
    restartClock(at: step)
  }

  /// Reports an evaluation.
  ///
  /// - Parameters:
  ///   - score: The score of the weights.
  ///   - averaged: The score of the averaged weights, if there are any.
  ///   - progress: The progress with this evaluation.
  /// - Throws: `FileError`.
  mutating func take(_ score: Score, averaged: Score?, _ progress: TrainingProgress) throws {
    var line: [String: JSONValue] = [
      "step": .integer(progress.step), "validation_loss": .number(score.loss),
      "bits_per_byte": .number(score.bitsPerByte), "perplexity": .number(score.perplexity),
    ]
    if let averaged {
      line["ema_loss"] = .number(averaged.loss)
      line["ema_bits_per_byte"] = .number(averaged.bitsPerByte)
      detail.averagedBitsPerByte = averaged.bitsPerByte
    }
    try write(line)
    detail.bestBitsPerByte = progress.bestBitsPerByte
  }

  /// Reports a rewind.
  ///
  /// - Parameters:
  ///   - step: The step before the rewind.
  ///   - progress: The progress after the rewind.
  /// - Throws: `FileError`.
  mutating func takeRewind(from step: Int, to progress: TrainingProgress) throws {
    self.progress.leaveLine()
    options.say(
      "step \(step): \(training.skipLimit) steps in a row were skipped; returning to step \(progress.step), learning rate × "
        + "\(progress.learningRateFactor)")
    try write([
      "step": .integer(step), "rewind_to": .integer(progress.step), "rewinds": .integer(progress.rewinds),
      "learning_rate_factor": .number(progress.learningRateFactor),
    ])
    self.progress.goBack(to: progress.step)
  }

  /// Waits until everything is on disk. The checkpoint that counts the lines is written after that.
  mutating func sync() throws {
    try metrics.sync()
    report { $0.sync() }
  }

  /// Restarts the clock of the speed, so that it covers only steps.
  mutating func restartClock(at step: Int) { reports.restartClock(at: step) }

  /// Ends the progress line and draws the final chart.
  mutating func finish(after step: Int) {
    progress.finish(done: step, detail: details(after: step))
    draw()
  }

  mutating func draw() { report { $0.draw() } }

  /// Ends the progress line, so that other messages start on their own line.
  mutating func leaveLine() { progress.leaveLine() }

  private mutating func write(_ members: [String: JSONValue]) throws {
    let line = members.merging(["seconds": .seconds(seconds)]) { $1 }
    try metrics.write(line)
    report { $0.take(MetricsRow(line)) }
  }

  private mutating func report(_ work: (inout TrainingReports) -> Void) {
    work(&reports)
    guard let problem = reports.takeProblem() else { return }
    progress.leaveLine()
    StandardStream.error.say(problem)
  }
}
