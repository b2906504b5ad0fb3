internal import ArgumentParser
internal import Files
internal import Inference

/// `retnet state fork`: a copy that goes its own way.
struct StateFork: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fork",
    abstract: "Copy a state, so that the copy goes on in another way.",
    discussion: """
      Examples:
        retnet state fork chat.state -o other.state -s 2
        retnet state fork chat.state -o small.state --state-dtype bf16

      The copy has another seed, another format, or nothing that was kept of the ids.
      """)

  @Argument(help: "State file.", completion: .file())
  var file: String

  @OptionGroup var global: GlobalOptions

  @Option(
    name: .shortWithValue("o"), help: ArgumentHelp("Where the copy goes.", valueName: "file"), completion: .file())
  var output: String

  @Option(
    name: .shortWithValue("s"), help: "Seed of the copy, a whole number from 0 (default: as the state left it).")
  var seed: UInt64?

  @Option(help: ArgumentHelp("Format of the copy (default: as it is).", valueName: "f32|bf16"))
  var stateDtype: StateFormat?

  @Flag(help: "Leave out the ids and what undo needs.")
  var forget = false

  func validate() throws { try CommandFiles().reading("FILE", file).writing("--output", output).check() }

  func run() throws {
    let source = try StateFile(path: file)
    var saved = try source.load()
    if let seed { saved.random = seed }
    if forget { saved.forget() }
    try saved.write(to: output, format: stateDtype?.format ?? source.format)
    global.say("\(StreamPath.outputName(output)): \(grouped(saved.progress.position)) tokens")
  }
}
