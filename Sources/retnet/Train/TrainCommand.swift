internal import ArgumentParser
internal import Files
internal import Training

/// `retnet train` trains a model on token files.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a model.",
    discussion: """
      Examples:
        retnet train --config configs/kjv-small.yaml
        retnet train --config configs/kjv-small.yaml -o runs/slow --set training.learning_rate=3e-4
        retnet train --resume auto -o runs/slow
        retnet train --config my.yaml --init-from runs/kjv-small/best.safetensors -o runs/tuned
        retnet train --config my.yaml -o runs/mine --sweep training.learning_rate=1e-3,3e-3,1e-2 --seeds 3

      The run folder gets config.yaml, metrics.jsonl, loss.svg, an event file for TensorBoard, checkpoints,
      last.safetensors and best.safetensors. Ctrl-C saves the last step and ends the run; --resume auto resumes it,
      bit-identical to an uninterrupted run.

      --sweep makes several runs below the folder sweep of the run folder, and a table of their losses. The same command
      goes on with a sweep that was stopped.
      """)

  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp(
      "Configuration file (with --resume: default config.yaml of the run folder).", valueName: "x.yaml"),
    completion: .file())
  var config: String?

  @Option(help: ArgumentHelp("Override a key; may be repeated.", valueName: "block.key=value"))
  var set: [String] = []

  @Option(
    name: .shortWithValue("o"),
    help: ArgumentHelp("Run folder (default: runs/ and the name of the file).", valueName: "runs/x"),
    completion: .directory)
  var output: String?

  @Option(
    help: ArgumentHelp("Resume from the newest checkpoint, or from the given one.", valueName: "auto|path"),
    completion: .file())
  var resume: String?

  @Option(
    help: ArgumentHelp("Start from the weights of this model.", valueName: "model"), completion: .file())
  var initFrom: String?

  @Option(help: ArgumentHelp("Stop after this step of the run.", valueName: "n"))
  var maxSteps: Int?

  @Option(help: ArgumentHelp("Stop after this much time: 90s, 30m, 1h30m.", valueName: "time"))
  var maxTime: String?

  @Option(
    help: ArgumentHelp(
      "Train a run for each of these values; repeat it for a grid of several keys.", valueName: "block.key=a,b,c"))
  var sweep: [String] = []

  @Option(help: ArgumentHelp("With --sweep: runs of each combination, with a seed of their own.", valueName: "n"))
  var seeds: Int?

  @Flag(help: "Print the resolved configuration and what it needs, from a short measurement; write nothing.")
  var dryRun = false

  @Flag(help: "With --dry-run or --sweep: print one JSON object.")
  var json = false

  func validate() throws {
    try CommandFiles().reading("--config", config).reading("--init-from", initFrom).writingFolder("--output", output)
      .check()
    if output == nil, resume == nil || resume == "auto", !dryRun, let config, StreamPath.isStream(config) {
      throw ValidationError("--output: expected a run folder, as '\(config)' has no name to make one of, found none")
    }
    if initFrom != nil, let resume, resume != "auto" {
      throw ValidationError(
        "--init-from: a run resumed from '\(resume)' has its own weights; expected only one of the two options")
    }
    let resumePoint = try resume.map { try ResumePoint($0, output: output) }
    if config == nil {
      guard resumePoint != nil else { throw ValidationError("Missing expected argument '--config <x.yaml>'") }
      guard resumePoint?.folder != nil else {
        throw ValidationError("--resume auto: expected a run folder, given by -o, or --config, found neither")
      }
    }
    if json && !dryRun && sweep.isEmpty {
      throw ValidationError("--json: expected together with --dry-run or --sweep")
    }
    try validateSweep()
    if let maxSteps, maxSteps < 1 { throw ValidationError("--max-steps: expected at least 1, found \(maxSteps)") }
    if let maxTime, Duration(words: maxTime) == nil {
      throw ValidationError("--max-time: expected a time such as 90s, 30m or 1h30m, found '\(maxTime)'")
    }
  }

  func run() throws {
    if !sweep.isEmpty { return try runSweep() }
    let resumePoint = try resume.map { try ResumePoint($0, output: output) }
    let folderPath = resumePoint?.folder ?? output ?? "runs/\(TrainingPlan.name(ofPath: config ?? ""))"
    let begun = resumePoint?.model(inFolder: folderPath)
    if begun != nil, let initFrom { global.say("\(initFrom): ignored, because the run resumes from its checkpoint") }
    let start =
      begun == nil
      ? try initFrom.map { try StartingModel(path: modelFile($0, global.talk, takesWeights: true)) }
      : try begun.flatMap { try StartingModel($0) }
    let plan = try TrainingPlan(
      ConfigurationText(path: config ?? folderPath + "/config.yaml"), overrides: set, start: start)
    if dryRun { return try DryRun(plan: plan, threads: global.threadCount, isJSON: json).run() }
    // A resumed run may use the configuration in its own folder.
    try plan.dataFiles.reading("--init-from", begun == nil ? initFrom : nil)
      .reading("--config", resumePoint == nil ? config : nil).writing(filesOf: folderPath)
      .checkLate(hint: "choose another run folder with -o")
    let run = PlannedRun(
      plan: plan, folderPath: folderPath, start: start, resumePoint: resumePoint, options: global)
    try run.forecast.check(plan.path)
    try resumePoint?.checkIsThere()
    try start?.checkIsFinite()
    let pool = try global.makePool()
    Machine.warnOfSlowBLAS(global.talk)
    let limits = TrainingLimits(step: maxSteps, time: maxTime.flatMap { Duration(words: $0) })
    try StandardStream.output.write(try run.train(limits, on: pool) + "\n")
  }
}
