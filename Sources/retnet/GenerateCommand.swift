internal import ArgumentParser
internal import Files
internal import Inference
internal import Modeling
internal import Tensors
internal import Tokenization

/// `retnet generate`: text from a prompt, streamed.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Continue a prompt.",
    discussion: """
      Examples:
        retnet generate -m runs/kjv-small/best.safetensors -p "And God said" -n 60
        cat prompt.txt | retnet generate -m model.safetensors -p - --temp 0

      Only the continuation goes to standard output. An empty prompt starts from BOS.
      """)

  @OptionGroup var model: ModelOption
  @OptionGroup var global: GlobalOptions

  @Option(name: .shortAndLong, parsing: .unconditional, help: "The prompt; '-' reads standard input (default: empty).")
  var prompt: String?

  @Option(name: .shortAndLong, help: "Read the prompt from a file.")
  var file: String?

  @Option(name: .customShort("n"), help: ArgumentHelp("Tokens to generate.", valueName: "n"))
  var count = 128

  @Option(name: .customLong("temp"), help: "Temperature; 0 takes the most likely token.")
  var temperature = 0.8

  @Option(help: "Choose among the k most likely tokens; 0: all.")
  var topK = 40

  @Option(help: "Choose among the most likely tokens that have this probability together; 1: all.")
  var topP = 0.95

  @Option(name: .shortAndLong, help: "Seed of the choice.")
  var seed: UInt64 = 0

  @Flag(help: "Go on after the end of a document.")
  var ignoreEos = false

  @Flag(help: "Print the prompt before its continuation.")
  var displayPrompt = false

  @Flag(help: "Print tokens per second and chunk length to standard error.")
  var timings = false

  /// Tokens of a prompt that are read at a time. Not a setting: another length changes the last bits.
  static let promptChunkLength = 64

  func validate() throws {
    if prompt != nil && file != nil { throw ValidationError("'--prompt' and '--file' exclude each other") }
    if count < 0 { throw ValidationError("-n: expected at least 0, found \(count)") }
    if !(temperature >= 0 && temperature.isFinite) {
      throw ValidationError("--temp: expected a number ≥ 0, found \(temperature)")
    }
    if topK < 0 { throw ValidationError("--top-k: expected at least 0, found \(topK)") }
    if !(topP > 0 && topP <= 1) { throw ValidationError("--top-p: expected more than 0 and at most 1, found \(topP)") }
  }

  func run() throws {
    let pool = try global.makePool()
    let text = try promptText()
    let loaded = try LoadedModel(path: model.model)
    let promptIDs = try ids(of: text, loaded)
    let note = loaded.header.configuration.scoreNormNote("generation leaves it out")
    if let note { global.say(note) }
    var generator = Generator(loaded.network, chunkLength: Self.promptChunkLength, on: pool)
    var options = SamplingOptions()
    (options.temperature, options.topK, options.topP) = (temperature, topK, topP)
    var sampler = Sampler(options, seed: seed)
    var stream = TextStream(loaded.tokenizer, startsText: text.isEmpty)

    if displayPrompt { try StandardStream.output.write(text) }
    let start = ContinuousClock.now
    generator.read(promptIDs)
    let prompted = ContinuousClock.now
    var made = 0
    while made < count {
      let token = sampler.choose(generator.nextLogits)
      made += 1
      if token == loaded.eosID, !ignoreEos { break }
      if Int(token) < loaded.tokenizer.vocabularySize {
        let characters = stream.append(token)
        if !characters.isEmpty { try StandardStream.output.write(characters) }
      }
      if made < count { generator.append(token) }
    }
    try StandardStream.output.write(stream.finish() + "\n")
    if timings { report(promptIDs.count, prompted - start, made, ContinuousClock.now - prompted) }
  }

  private func promptText() throws -> [UInt8] {
    let source = file ?? (prompt == "-" ? "-" : nil)
    guard let source else { return Array((prompt ?? "").utf8) }
    return try readAll(path: source, byteLimit: 1 << 30)
  }

  private func ids(of text: [UInt8], _ loaded: LoadedModel) throws -> [Int32] {
    let ids = try loaded.tokenizer.encode(text, source: "prompt")
    let start = (loaded.bosID ?? (ids.isEmpty ? loaded.header.configuration.bosID.map { Int32($0) } : nil)).map { [$0] }
    guard let all = start.map({ $0 + ids }) ?? (ids.isEmpty ? nil : ids) else {
      throw CommandError(.usage, "--prompt: the model has no BOS to start from; expected a prompt, found none")
    }
    return all
  }

  private func report(_ read: Int, _ reading: Duration, _ made: Int, _ making: Duration) {
    func line(_ label: String, _ tokens: Int, _ time: Duration) {
      let seconds = time.inSeconds
      StandardStream.error.say(
        "\(label) \(grouped(tokens)) tokens in \(seconds.fixed(3)) s, \(shortened(Double(tokens) / seconds)) tokens/s")
    }
    line("prompt:   ", read, reading)
    line("generated:", made, making)
    StandardStream.error.say("chunk length of the prompt: \(Self.promptChunkLength)")
  }
}
