internal import ArgumentParser
internal import Files
internal import Inference
internal import Tensors

/// `retnet state undo` undoes the last tokens that a state has read.
struct StateUndo: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "undo",
    abstract: "Undo the last tokens that a state has read.",
    discussion: """
      Examples:
        retnet state undo chat.state 20 -m model.safetensors -o earlier.state
        retnet state undo chat.state 1 -m model.safetensors -o chat.state

      The result is bit-identical to the state before those tokens. The state must have been written with --undo-window.
      """)

  @Argument(help: "State file.", completion: .file())
  var file: String

  @Argument(help: "Number of tokens to undo.")
  var count: Int

  @OptionGroup var model: ModelOption
  @OptionGroup var global: GlobalOptions

  @Option(
    name: .shortWithValue("o"), help: ArgumentHelp("Where to write the earlier state.", valueName: "file"),
    completion: .file())
  var output: String

  func validate() throws {
    try CommandFiles().reading("FILE", file).reading("--model", model.model)
      .writing("--output", output, over: "FILE").check()
    if count < 1 { throw ValidationError("tokens: expected at least 1, found \(count)") }
  }

  func run() throws {
    let source = try StateFile(path: file)
    guard source.undoWindow != nil else {
      throw CommandError(
        .badData, "\(file): expected a state with an undo window, found none",
        hint: "computing backwards would amplify rounding errors; write states with --undo-window to undo later")
    }
    let pool = try global.makePool()
    let path = try modelFile(model.model, global.talk)
    try CommandFiles().reading("--model", path).writing("--output", output).checkLate()
    let loaded = try LoadedModel(path: path)
    Machine.warnOfSlowBLAS(global.talk)
    var saved = try loaded.state(source)
    let limit = saved.progress.history?.limit ?? 0
    guard count <= limit else {
      throw CommandError(.usage, "\(file): expected at most \(limit) tokens to undo, found \(count)")
    }
    var generator = Generator(loaded.network, saved.progress, on: pool)
    generator.undo(count)
    saved.progress = generator.progress
    saved.recent = nil
    try saved.write(to: output, format: source.format)
    global.say("\(StreamPath.outputName(output)): \(grouped(generator.progress.position)) tokens")
  }
}
