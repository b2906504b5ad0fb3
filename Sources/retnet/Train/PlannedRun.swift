internal import Tensors
internal import Training

/// Makes a planned run: takes its folder, finds its checkpoint, and trains from there.
struct PlannedRun {
  var plan: TrainingPlan
  /// The path of the run folder.
  let folderPath: String
  /// The model that the run starts from, or whose checkpoint has the record of it.
  let start: StartingModel?
  /// What to resume from; nil: the run is new.
  let resumePoint: ResumePoint?
  var display = RunDisplay()
  /// Whether the run is described before it begins.
  var isIntroduced = true
  let options: GlobalOptions

  /// The memory that the run needs on this machine.
  var forecast: MemoryForecast {
    get throws {
      MemoryForecast(
        plan.model, plan.training, isEvaluated: plan.validationFile != nil, threads: try options.threadCount)
    }
  }

  /// Trains to the end of the run, or to a limit.
  ///
  /// - Parameters:
  ///   - limits: Where to stop.
  ///   - pool: Where the work runs.
  /// - Returns: The result in one line.
  /// - Throws: The errors of the folder and of the checkpoint; those of `TrainingSession`.
  func train(_ limits: TrainingLimits, on pool: WorkerPool) throws -> String {
    var plan = plan
    let folder = try RunFolder(path: folderPath, isResumed: resumePoint != nil)
    let machine = Machine.trainingFacts(threadCount: pool.threadCount)
    let checkpoint = try resumePoint.flatMap {
      try $0.checkpoint(in: folder, for: plan, machine: machine, options: options)
    }
    if let checkpoint { plan.initial = checkpoint.state.initial }
    try folder.prepare(plan.configurationText)
    if isIntroduced { try introduce(on: pool) }
    var session = try TrainingSession(
      plan, folder: folder, start: start, checkpoint: checkpoint, machine: machine, display: display,
      options: options, on: pool)
    return try session.run(limits)
  }

  private func introduce(on pool: WorkerPool) throws {
    for line in plan.summary + ["\(BLAS.coreName) products, \(pool.threadCount) threads, run folder \(folderPath)"] {
      options.say(line)
    }
    if let introduction = start?.introduction { options.say(introduction) }
    (start?.source?.remarks ?? []).forEach { options.say($0) }
    plan.remarks.forEach { options.say($0) }
    if let warning = try forecast.warning { options.say("warning: " + warning) }
  }
}
