internal import ArgumentParser
internal import Files
internal import Tensors
internal import Training

/// Makes the runs of a sweep in turn, each in a folder of its own, in this process.
///
/// A run's memory is freed before the next begins. What is complete is not made again, and what a signal or a kill
/// stopped is resumed, so that the same command finishes a sweep.
struct Sweep {
  private let plan: SweepPlan
  /// The folder `sweep` of the run folder.
  private let folder: String
  private let start: StartingModel?
  private let options: GlobalOptions
  private let file: SweepFile
  private var results: SweepResults
  private var clock: SweepClock

  /// Compares the plan with what the folder has; writes nothing.
  ///
  /// - Parameters:
  ///   - plan: The runs.
  ///   - folder: The folder of the sweep, which may not exist yet.
  ///   - inputs: The files that the command reads besides those of the block `data`, with the names of their options.
  ///   - start: The model that the runs start from.
  ///   - options: Threads and messages.
  /// - Throws: `CommandError` if the folder has runs of another configuration.
  init(
    _ plan: SweepPlan, folder: String, inputs: [(name: String, path: String?)], start: StartingModel?,
    options: GlobalOptions
  ) throws {
    (self.plan, self.folder, self.start, self.options) = (plan, folder, start, options)
    file = try SweepFile(path: folder + "/sweep.json")
    results = SweepResults(names: plan.names, rows: plan.combinations.map { SweepResults.Row($0.values, []) })
    for run in plan.runs {
      let (combination, path) = (plan.combinations[run.combination], folder + "/" + run.name)
      let entry = file.entries[run.name]
      try inputs.reduce(combination.dataFiles) { $0.reading($1.name, $1.path) }.writing(filesOf: path)
        .writing(file.path, file.path).checkLate(hint: "choose another run folder with -o")
      try combination.check(folder: path, seed: run.seed)
      if fileExists(path: path) { try combination.check(folder: path, digests: entry?.dataDigests ?? [:]) }
      results.rows[run.combination].outcomes.append(try Self.outcome(entry, path, combination))
    }
    clock = SweepClock()
  }

  /// What became of a run in an earlier call. A run whose folder was removed is made again.
  private static func outcome(
    _ entry: SweepFile.Entry?, _ path: String, _ combination: SweepCombination
  ) throws -> SweepResults.Outcome {
    guard let entry, fileExists(path: path + "/metrics.jsonl") else { return .pending }
    switch entry.outcome {
    case .complete: return .complete(try figures(path, combination))
    // The same steps would lead to the same end. Any other error may be gone.
    case .failed(_, let status): return status == ExitStatus.guarded.rawValue ? entry.outcome : .pending
    case .pending: return .pending
    }
  }

  private static func figures(_ path: String, _ combination: SweepCombination) throws -> RunFigures {
    try RunFigures(log: path + "/metrics.jsonl", batchTokens: combination.training.batchTokens)
  }

  /// Makes all runs that are not complete.
  ///
  /// - Parameter pool: Where the work runs.
  /// - Returns: The results.
  /// - Throws: `ExitCode` with status 75 after a signal; the errors of a full disk and of a folder in use. Other errors
  ///   of a run are a part of the results.
  mutating func run(on pool: WorkerPool) throws -> SweepResults {
    StopSignals.listen()
    try makeFolder(path: folder)
    let lock = try FolderLock(folder: folder)
    try AtomicFile.removeLeftovers(inFolder: folder)
    try withExtendedLifetime(lock) {
      try save()
      clock.begin(workAhead: plan.runs.indices.filter { outcome(of: $0) == .pending }.reduce(0.0) { $0 + work(of: $1) })
      for index in plan.runs.indices where outcome(of: index) == .pending {
        try throwIfStopped()
        try make(index, on: pool)
      }
    }
    return results
  }

  private mutating func make(_ index: Int, on pool: WorkerPool) throws {
    let run = plan.runs[index]
    let path = folder + "/" + run.name
    options.say("run \(index + 1) of \(plan.runs.count): \(run.name)")
    let steps = plan.combinations[run.combination].training.steps
    let begun = (try? CheckpointFolder(path: path + "/checkpoints").steps().last) ?? 0
    do {
      let result = try trainingRun(index, path).train(TrainingLimits(step: nil, time: nil), on: pool)
      options.say(result)
      set(index, .complete(try Self.figures(path, plan.combinations[run.combination])))
    } catch let error as ExitCode {
      // The session has said that a signal stopped it.
      try throwIfStopped()
      throw error
    } catch {
      guard let known = CommandError(error), ![.cannotCreate, .inputOutput, .done].contains(known.status) else {
        throw error
      }
      options.say("run \(index + 1) failed: \(known.message)")
      set(index, .failed(known.message, status: known.status.rawValue))
    }
    clock.end(work: work(of: index), begun: Double(begun) / Double(steps))
    try save()
    if plan.runs.indices.contains(where: { outcome(of: $0) == .pending }) {
      options.say(results.table(width: StandardStream.error.lineWidth))
    }
  }

  private func trainingRun(_ index: Int, _ path: String) throws -> PlannedRun {
    let run = plan.runs[index]
    let resumePoint = fileExists(path: path + "/config.yaml") ? try ResumePoint("auto", output: path) : nil
    let (clock, work, steps) = (clock, work(of: index), plan.combinations[run.combination].training.steps)
    let display = RunDisplay(
      label: "run \(index + 1)/\(plan.runs.count)", resumeAdvice: "the same command goes on from there",
      secondsLeft: { begun, step in
        clock.secondsLeft(work: work, begun: Double(begun) / Double(steps), done: Double(step) / Double(steps))
      })
    return PlannedRun(
      plan: try plan.plan(of: run), folderPath: path, start: start, resumePoint: resumePoint, display: display,
      isIntroduced: options.verbose, options: options)
  }

  /// Ends the command after a signal. What is complete and what is saved stays.
  private func throwIfStopped() throws {
    guard let signal = StopSignals.received else { return }
    let complete = results.outcomes.count { $0.figures != nil }
    options.say("stopped by \(signal): \(complete) of \(counted(plan.runs.count, "run")) complete")
    throw ExitStatus.stopped.exit
  }

  private func work(of index: Int) -> Double { plan.combinations[plan.runs[index].combination].work }

  /// The place of a run among those of its combination.
  private func place(of index: Int) -> Int { index / plan.combinations.count }

  private func outcome(of index: Int) -> SweepResults.Outcome {
    results.rows[plan.runs[index].combination].outcomes[place(of: index)]
  }

  private mutating func set(_ index: Int, _ outcome: SweepResults.Outcome) {
    results.rows[plan.runs[index].combination].outcomes[place(of: index)] = outcome
  }

  /// The pictures that the sweep draws: one for each key with more than one value.
  var pictures: [(key: Int, path: String)] {
    plan.keys.indices.filter { plan.keys[$0].values.count > 1 }.map { ($0, "\(folder)/\(plan.names[$0]).svg") }
  }

  private func save() throws {
    try file.write(plan, results)
    for (key, path) in pictures {
      try AtomicFile.write(
        Array(SweepChart(results, key: key).svg(name: TrainingPlan.name(ofPath: plan.path)).utf8), replacing: path)
    }
  }
}
