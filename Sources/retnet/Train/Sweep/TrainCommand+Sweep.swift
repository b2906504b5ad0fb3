internal import ArgumentParser
internal import Files

/// `retnet train --sweep`.
extension TrainCommand {
  private static let seedRange = 1...100

  func validateSweep() throws {
    if let seeds, sweep.isEmpty { throw ValidationError("--seeds: expected together with --sweep, found \(seeds)") }
    if let seeds, !Self.seedRange.contains(seeds) {
      throw ValidationError("--seeds: expected 1 to \(Self.seedRange.upperBound), found \(seeds)")
    }
    guard !sweep.isEmpty else { return }
    let others = [("--resume", resume != nil), ("--max-steps", maxSteps != nil), ("--max-time", maxTime != nil)]
    guard let other = others.first(where: \.1)?.0 else { return }
    let advice =
      other == "--resume" ? "the same command goes on with a sweep" : "training.steps sets the length of runs"
    throw ValidationError("\(other): not together with --sweep: \(advice)")
  }

  func runSweep() throws {
    guard let config else { return }
    let start = try initFrom.map { try StartingModel(path: modelFile($0, global.talk, takesWeights: true)) }
    let plan = try SweepPlan(
      ConfigurationText(path: config), overrides: set, sweep: sweep, seedCount: seeds ?? 1, start: start)
    let threads = try global.threadCount
    if dryRun { return try SweepDryRun(plan: plan, threads: threads, isJSON: json).run() }
    for combination in plan.combinations { try combination.forecast(threads: threads).check(plan.path) }
    try start?.checkIsFinite()
    let remarks = plan.combinations.flatMap(\.remarks)
    let folder = (output ?? "runs/\(TrainingPlan.name(ofPath: config))") + "/sweep"
    var sweep = try Sweep(
      plan, folder: folder, inputs: [("--config", config), ("--init-from", initFrom)], start: start, options: global)
    let pool = try global.makePool()
    Machine.warnOfSlowBLAS(global.talk)
    for (index, remark) in remarks.enumerated() where !remarks[..<index].contains(remark) { global.say(remark) }
    let results = try sweep.run(on: pool)
    try StandardStream.output.write(
      (json ? SweepFile.report(plan, results).text : results.table(width: StandardStream.output.lineWidth)) + "\n")
    global.say((["\(folder)/sweep.json"] + sweep.pictures.map(\.path)).joined(separator: ", "))
    try throwIfFailed(plan, results)
  }

  /// Ends with the status of the first run that failed.
  private func throwIfFailed(_ plan: SweepPlan, _ results: SweepResults) throws {
    let failures = results.outcomes.compactMap { outcome -> (message: String, status: Int32)? in
      if case .failed(let message, let status) = outcome { (message, status) } else { nil }
    }
    guard let first = failures.first else { return }
    throw CommandError(
      ExitStatus(rawValue: first.status) ?? .guarded,
      "\(failures.count) of \(counted(plan.runs.count, "run")) failed: \(first.message)",
      hint: "to make a run again, remove its folder and repeat the command")
  }
}
