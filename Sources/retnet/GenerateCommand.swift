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

  @OptionGroup var prompt: PromptOptions

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

  @Flag(help: "Print tokens per second and chunk length to standard error.")
  var timings = false

  @Option(
    help: ArgumentHelp(
      "Tokens of the prompt that are read at a time, 1 to 65536; another length changes the last bits "
        + "(default: by the model's shape).",
      valueName: "c"))
  var chunkLength: Int?

  func validate() throws {
    if count < 0 { throw ValidationError("-n: expected at least 0, found \(count)") }
    if !(temperature >= 0 && temperature.isFinite) {
      throw ValidationError("--temp: expected a number ≥ 0, found \(temperature)")
    }
    if topK < 0 { throw ValidationError("--top-k: expected at least 0, found \(topK)") }
    if !(topP > 0 && topP <= 1) { throw ValidationError("--top-p: expected more than 0 and at most 1, found \(topP)") }
    if let chunkLength, !PromptChunkLength.range.contains(chunkLength) {
      throw ValidationError("--chunk-length: expected 1 to 65536, found \(chunkLength)")
    }
  }

  func run() throws {
    let pool = try global.makePool()
    var reader = try prompt.open()
    let loaded = try LoadedModel(path: model.model)
    let note = loaded.header.configuration.scoreNormNote("generation leaves it out")
    if let note { global.say(note) }
    let length = chunkLength ?? PromptChunkLength.length(loaded.header.configuration)
    var generator = Generator(loaded.network, chunkLength: length, on: pool)
    var options = SamplingOptions()
    (options.temperature, options.topK, options.topP) = (temperature, topK, topP)
    var sampler = Sampler(options, seed: seed)
    let start = ContinuousClock.now
    let read = try reader.read(into: &generator, loaded)
    var stream = TextStream(loaded.tokenizer, startsText: !read.hasText)
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
    if timings { report(generator.chunkLength, read.tokens, prompted - start, made, ContinuousClock.now - prompted) }
  }

  private func report(_ chunkLength: Int, _ read: Int, _ reading: Duration, _ made: Int, _ making: Duration) {
    func line(_ label: String, _ tokens: Int, _ time: Duration) {
      let seconds = time.inSeconds
      StandardStream.error.say(
        "\(label) \(grouped(tokens)) tokens in \(seconds.fixed(3)) s, \(shortened(Double(tokens) / seconds)) tokens/s")
    }
    line("prompt:   ", read, reading)
    line("generated:", made, making)
    StandardStream.error.say("chunk length of the prompt: \(chunkLength)")
  }
}
