internal import Files
internal import Inference
internal import Tensors

/// `generate --follow` and `generate -i`, from the first token to the state that they write.
extension GenerateCommand {
  /// Reads standard input until it ends, a signal arrives or the reader of the output is gone.
  func follow(
    _ model: LoadedModel, _ rules: TextRules, _ generator: Generator, seed: UInt64, recent: [Int32]?,
    on pool: WorkerPool
  ) throws {
    let meter = TokenMeter(model.network, on: pool)
    var following = try Following(model, generator, recent: recent, meter: meter, json: json)
    let end = try following.run()
    let left = Sampler(rules.options, seed: seed, recent: following.tokens.ids)
    try state.write(following.generator, random: left.random, recent: left.recent, model)
    // A terminal that was closed may first look like the end of input.
    if end == .signal || StopSignals.isEndWished {
      throw state.stateOut == nil ? StopSignals.exit : ExitStatus.stopped.exit
    }
  }

  /// Runs the conversation at the terminal.
  func talk(
    _ model: LoadedModel, _ rules: TextRules, _ generator: Generator, _ reader: inout PromptReader, seed: UInt64,
    recent: [Int32]?, on pool: WorkerPool
  ) throws {
    var generator = generator
    var recent = recent ?? []
    let hasPrompt = prompt.isGiven
    if hasPrompt {
      let read = try reader.read(into: &generator, model)
      recent = (read.reused > 0 ? [] : recent) + reader.tokens.ids
    }
    var conversation = try Conversation(
      model, rules, generator, random: seed, recent: recent, state: state, files: files, timings: timings, on: pool)
    global.say("Type a text and the model continues it; /help lists commands, Ctrl-C stops a text, Ctrl-D ends.")
    var wasTerminated = false
    do {
      wasTerminated = try conversation.run(continuesPrompt: hasPrompt)
    } catch FileError.closedPipe {
      // If the reader of the texts is gone, the conversation ends and the state is written.
      wasTerminated = StopSignals.isEndWished
    }
    try state.write(
      conversation.generator, random: conversation.random, recent: conversation.recent, model)
    if wasTerminated { throw state.stateOut == nil ? StopSignals.exit : ExitStatus.stopped.exit }
  }
}
