internal import ArgumentParser
internal import Files
internal import Inference

/// `retnet state fork` copies a state so that the copy can continue differently.
struct StateFork: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fork",
    abstract: "Copy a state, so that the copy can continue differently.",
    discussion: """
      Examples:
        retnet state fork chat.state -o other.state -s 2
        retnet state fork chat.state -o small.state --state-dtype bf16

      The copy may have another seed or format, or leave out the stored ids.
      """)

  @Argument(help: "State file.", completion: .file())
  var file: String

  @OptionGroup var global: GlobalOptions

  @Option(
    name: .shortWithValue("o"), help: ArgumentHelp("Where to write the copy.", valueName: "file"), completion: .file())
  var output: String

  @Option(
    name: .shortWithValue("s"), help: "Seed of the copy, a whole number from 0 (default: the stored random state).")
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
