internal import ArgumentParser
internal import Configurations
internal import Corpora
internal import Files
internal import FoundationEssentials
internal import Modeling
internal import Retention
internal import Tensors
internal import Tokenization
internal import Training

/// `retnet train`: a model from a token file.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a model.",
    discussion: """
      Examples:
        retnet train --config configs/kjv-small.yaml
        retnet train --config configs/kjv-small.yaml -o runs/slow --set training.learning_rate=3e-4

      The run folder gets config.yaml, metrics.jsonl, last.safetensors and best.safetensors.
      """)

  @OptionGroup var global: GlobalOptions

  @Option(help: ArgumentHelp("Configuration file.", valueName: "x.yaml"))
  var config: String

  @Option(help: ArgumentHelp("Override a key; may be repeated.", valueName: "block.key=value"))
  var set: [String] = []

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Run folder (default: runs/ and the name of the file).", valueName: "runs/x"))
  var output: String?

  @Flag(help: "Print the resolved configuration and what it amounts to, and stop.")
  var dryRun = false

  func run() throws {
    let plan = try TrainingPlan(configPath: config, overrides: set)
    if dryRun {
      try StandardStream.output.write(plan.text)
      return
    }
    let pool = try global.makePool()
    Machine.warnOfSlowBLAS(global.talk)
    let folder = try RunFolder(path: output ?? "runs/\(plan.name)")
    try folder.write(plan.configurationText, to: "config.yaml")
    for line in plan.summary + ["\(BLAS.coreName) products, \(pool.threadCount) threads, run folder \(folder.path)"] {
      global.say(line)
    }
    plan.remarks.forEach { global.say($0) }
    var session = try TrainingSession(plan, folder: folder, options: global, on: pool)
    let result = try session.run()
    try StandardStream.output.write(result + "\n")
  }
}
