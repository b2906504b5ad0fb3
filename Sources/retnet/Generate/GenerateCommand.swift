internal import ArgumentParser
internal import Files
internal import Inference
internal import Modeling
internal import Tensors
internal import Tokenization

/// `retnet generate` continues a prompt and streams the text.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Continue a prompt.",
    discussion: """
      Examples:
        retnet generate -m runs/kjv-small/best.safetensors -p "And God said" -n 60
        cat prompt.txt | retnet generate -m model.safetensors -p - --temp 0
        retnet generate -m model.safetensors --prompts questions.jsonl --stop "User:"
        retnet generate -m model.safetensors --prompt-ids 1,42,7 --json
        retnet generate -m model.safetensors -i
        tail -f log | retnet generate -m model.safetensors --follow

      Only the continuation goes to standard output. An empty prompt starts from BOS.
      """)

  @OptionGroup var model: ModelOption
  @OptionGroup var global: GlobalOptions
  @OptionGroup var prompt: PromptOptions
  @OptionGroup var chat: ChatOptions

  @Option(
    name: [.customShort("n", allowingJoined: true), .customLong("max-tokens"), .customLong("n-predict")],
    parsing: .unconditional,
    help: ArgumentHelp("Tokens to generate; -1: until the end of the document.", valueName: "n"))
  var count = 128

  @OptionGroup var sampling: SamplingFlags

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("End before this string; may be repeated.", valueName: "str"))
  var stop: [String] = []

  @Flag(help: "Continue after the end of a document.")
  var ignoreEos = false

  @OptionGroup var several: BatchOptions
  @OptionGroup var live: LiveOptions
  @OptionGroup var state: StateOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Prompt tokens read at a time, 1 to 65536; another length changes the last bits "
        + "(default: by the model's shape).",
      valueName: "c"))
  var chunkLength: Int?

  @Option(
    help: ArgumentHelp(
      "Format of the key/value cache of attention; bf16 halves it, but rounds (default: f32).",
      valueName: "f32|bf16"))
  var kvCache: CacheFormat?

  @Flag(help: "Print one JSON object, or a line for each of several texts.")
  var json = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("With --json: ln p of each token and of the k most likely, 0 to 1000.", valueName: "k"))
  var logprobs: Int?

  @Flag(help: "Print tokens per second, chunk length and the size of the state to standard error.")
  var timings = false

  func validate() throws {
    if count < -1 { throw ValidationError("-n: expected at least 0, or -1 for no limit, found \(count)") }
    if count == -1 && several.beams > 1 { throw ValidationError("-n: --beams expects a number of tokens, found -1") }
    if stop.contains("") { throw ValidationError("--stop: expected a text, found none") }
    if let chunkLength, !PromptChunkLength.range.contains(chunkLength) {
      throw ValidationError("--chunk-length: expected 1 to 65536, found \(chunkLength)")
    }
    if let logprobs, !(0...1_000).contains(logprobs) {
      throw ValidationError("--logprobs: expected 0 to 1000, found \(logprobs)")
    }
    if logprobs != nil && !json && several.prompts == nil {
      throw ValidationError("--logprobs: expected together with --json")
    }
    if prompt.displayPrompt && json { throw ValidationError("'--display-prompt' and '--json' cannot be used together") }
    try state.check(isInteractive: live.interactive)
    try live.check(
      prompt, several, json: json, hasStops: !stop.isEmpty, hasLogProbabilities: logprobs != nil)
    if chat.chat {
      for (name, isGiven) in [
        ("--follow", live.follow), ("--prompt-ids", prompt.promptIds != nil),
        ("--display-prompt", prompt.displayPrompt), ("--beams", several.beams > 1),
      ] where isGiven { throw ValidationError("'--chat' and '\(name)' cannot be used together") }
    }
    try several.check(state, prompt, hasStops: !stop.isEmpty, hasLogProbabilities: logprobs != nil)
    try files.writing("--state-out", state.stateOut, over: "--state-in").printing("the text").check()
  }

  /// The files that are read.
  var files: CommandFiles {
    CommandFiles().reading("--model", model.model).reading("--chat-template", chat.chatTemplate)
      .reading(prompt.file == nil ? "--prompt" : "--file", prompt.path)
      .reading("--prompts", several.prompts).reading("--state-in", state.stateIn)
      .readingStandardInput("--follow", if: live.follow).readingStandardInput("--interactive", if: live.interactive)
  }

  func run() throws {
    let pool = try global.makePool()
    var reader = try prompt.open()
    let list = try several.prompts.map { try PromptList(path: $0) }
    let stateFile = try state.open()
    let path = try modelFile(model.model, global.talk)
    try CommandFiles().reading("--model", path).writing("--state-out", state.stateOut).checkLate()
    let loaded = try LoadedModel(path: path, cacheFormat: kvCache)
    Machine.warnOfSlowBLAS(global.talk)
    let configuration = loaded.header.configuration
    if let note = configuration.scoreNormNote("generation leaves it out") { global.say(note) }
    if let note = loaded.tokenizerNote { global.say(note) }
    if !stop.isEmpty { _ = try loaded.tokenizer(for: "--stop") }
    let frame = try chat.frame(loaded)
    let rules = TextRules(
      tokenizer: loaded.tokenizer, eosID: ignoreEos ? nil : loaded.eosID,
      options: try sampling.options(loaded.tokenizer, of: configuration), count: count == -1 ? .max : count,
      stops: stop + (frame?.stops ?? []), logProbabilities: logprobs, chat: frame)
    let (generator, saved) = try state.makeGenerator(loaded, from: stateFile, chunkLength: chunkLength, on: pool)
    let seed = sampling.seed ?? saved?.random ?? 0
    if let frame, list == nil, !live.interactive || prompt.isGiven {
      let recent = generator.progress.position > 0 ? saved?.recent ?? [] : nil
      try reader.frame { frame.text($0, after: recent) }
    }
    do {
      if live.follow { return try follow(loaded, rules, generator, seed: seed, recent: saved?.recent, on: pool) }
      if live.interactive {
        return try talk(loaded, rules, generator, &reader, seed: seed, recent: saved?.recent, on: pool)
      }
    } catch TokenChoiceError.notFinite {
      throw loaded.notFinite("of what was read", state: nil)
    }
    var generation = Generation(
      model: loaded, rules: rules, generator: generator, seed: seed, json: json, pool: pool)
    do {
      try run(&generation, list, &reader, saved)
    } catch TokenChoiceError.notFinite {
      let progress = generation.generator.progress
      throw loaded.notFinite(
        list == nil ? "after token \(grouped(progress.position))" : "of a prompt", state: progress.point.state)
    }
    if timings {
      generation.timings.lines(generator.chunkLength, generation.generator.state).forEach(StandardStream.error.say)
    }
  }

  /// Reads the prompts and generates the texts.
  private func run(
    _ generation: inout Generation, _ list: PromptList?, _ reader: inout PromptReader, _ saved: SavedState?
  ) throws {
    // Results are written even if a signal ends the text; what is streamed has been written already.
    let isToldAtItsEnd = json || list != nil || several.numSamples > 1
    if state.stateOut != nil || isToldAtItsEnd && several.beams == 1 { StopSignals.listen() }
    if let list {
      try generation.run(list)
      if StopSignals.received != nil { throw StopSignals.exit }
      return
    }
    let isContinued = (saved?.progress.position ?? 0) > 0
    do {
      let read = try generation.read(&reader, recent: saved?.recent)
      if isContinued, read.tokens > 0 {
        global.say("reused \(grouped(read.reused)) of \(grouped(read.tokens)) prompt tokens")
      }
    } catch is PromptReader.Stopped {
      guard generation.generator.progress.position > 0, state.stateOut != nil else { throw StopSignals.exit }
      let left = Sampler(generation.rules.options, seed: generation.seed, recent: generation.recent)
      try state.write(generation.generator, random: left.random, recent: left.recent, generation.model)
      global.say("stopped in the prompt after \(grouped(generation.generator.progress.position)) tokens")
      throw ExitStatus.stopped.exit
    }
    if several.beams > 1 { return try generation.runBeams(several.beams) }
    if several.numSamples > 1 {
      try generation.runSamples(several.numSamples)
      if StopSignals.received != nil { throw StopSignals.exit }
      return
    }
    let maker = try generation.runOne(readsLast: state.stateOut != nil)
    try state.write(
      generation.generator, random: maker.sampler.random, recent: maker.sampler.recent, generation.model)
    // A terminal that was closed may refuse text before the signal is seen.
    if maker.finish == .signal, StopSignals.received != nil {
      throw state.stateOut == nil ? StopSignals.exit : ExitStatus.stopped.exit
    }
  }
}

/// The options that generate several texts at once.
struct BatchOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Continue each prompt of JSON lines: {\"prompt\": …}, optional \"id\", \"n\", \"seed\"; '-' is standard input.",
      valueName: "file.jsonl"),
    completion: .file())
  var prompts: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Number of continuations, 1 to 65536, with this seed and the seeds after it.", valueName: "n"))
  var numSamples = 1

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Beam search for the most likely continuation with this many beams, 1 to 16.", valueName: "n"))
  var beams = 1

  func validate() throws {
    if !(1...65_536).contains(numSamples) {
      throw ValidationError("--num-samples: expected 1 to 65536, found \(numSamples)")
    }
    if !(1...BatchDecoder.limit).contains(beams) { throw ValidationError("--beams: expected 1 to 16, found \(beams)") }
  }

  func check(_ state: StateOptions, _ prompt: PromptOptions, hasStops: Bool, hasLogProbabilities: Bool) throws {
    let isList = prompts != nil
    let hasPrompt = prompt.isGiven || prompt.displayPrompt
    let hasState = state.stateIn != nil || state.stateOut != nil
    for (isGiven, reason) in [
      (isList && hasPrompt, "'--prompts' cannot be used with '-p', '-f' or '--display-prompt'"),
      (isList && hasState, "'--prompts' and states cannot be used together"),
      (isList && numSamples > 1, "'--prompts' and '--num-samples' cannot be used together"),
      (beams > 1 && (isList || numSamples > 1), "'--beams' cannot be used with '--prompts' or '--num-samples'"),
      (
        beams > 1 && (hasStops || hasLogProbabilities || state.stateOut != nil),
        "'--beams' cannot be used with '--stop', '--logprobs' or '--state-out'"
      ),
      (numSamples > 1 && state.stateOut != nil, "'--num-samples' and '--state-out' cannot be used together"),
    ] where isGiven { throw ValidationError(reason) }
  }
}
