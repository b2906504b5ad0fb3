internal import ArgumentParser
internal import Checkpoints
internal import Files
internal import Inference
internal import Modeling
internal import Retention
internal import Tensors
internal import Tokenization

/// `retnet convert` writes a model, or weights of another program, as a model file.
struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a model, or weights of another program, as a model file.",
    discussion: """
      Examples:
        retnet convert runs/kjv-small/best.safetensors -o kjv-bf16.safetensors --dtype bf16
        retnet convert kjv-small.safetensors -o kjv-q8.safetensors --quantize q8_0 --report kjv.txt
        retnet convert retnet-1.3B-100B/ -o retnet-1.3b.safetensors
        retnet convert checkpoint.pt -o model.safetensors --num-heads 8 --score-norm sum-of-abs

      IN is a model file, or weights of torchscale, flash-linear-attention, syncdoth/RetNet or yet-another-retnet:
      safetensors, an index of several, a PyTorch zip file, or a folder with one of these. Names and shapes identify
      the family; config.json next to the weights supplies the rest, and a tokenizer.model there goes into the file.
      The format applies to matrices; norm weights and biases stay f32. Widening is exact, narrowing rounds to nearest.
      Quantised matrices have blocks of 32 numbers with a scale; embedding and head keep eight bits.
      """)

  @Argument(
    help: ArgumentHelp("Model file, foreign weights, or a folder with them.", valueName: "in"), completion: .file())
  var input: String

  @OptionGroup var global: GlobalOptions

  @Option(
    name: .shortWithValue("o"), help: ArgumentHelp("Where to write the model.", valueName: "out"), completion: .file())
  var output: String

  @Option(
    help: ArgumentHelp(
      "Expected family of the weights (default: auto).",
      valueName: "auto|retnet|torchscale|fla|syncdoth|yet-another-retnet"))
  var from: WeightsOrigin?

  @Option(
    help: ArgumentHelp(
      "Divisor of the scores (default: that of the model or its family).",
      valueName: "none|row-decay|abs-of-sum|sum-of-abs"))
  var scoreNorm: ScoreNorm?

  @Option(help: ArgumentHelp("Number of heads, for foreign weights that do not state it.", valueName: "n"))
  var numHeads: Int?

  @Option(help: ArgumentHelp("Format of the matrices (default: as they are).", valueName: "f32|bf16|f16"))
  var dtype: NumberFormat?

  @Option(help: ArgumentHelp("Quantise the matrices (default: as they are).", valueName: "q8_0|q4_0"))
  var quantize: Quantization?

  @Option(
    help: ArgumentHelp("Print how the format changes the model's predictions of a text.", valueName: "text"),
    completion: .file())
  var report: String?

  @Option(
    help: ArgumentHelp(
      "Put this SentencePiece model into the file (default: the model's own, or the one next to foreign weights).",
      valueName: "tokenizer.model"),
    completion: .file())
  var tokenizer: String?

  @Flag(help: "Accept a tokenizer with fewer pieces than the model's padded vocabulary.")
  var allowSmallerTokenizer = false

  @Flag(help: "Check the written model as `retnet verify` does.")
  var verify = false

  func validate() throws {
    try files.printing(report == nil && !verify ? nil : "what --report and --verify print").check()
    if dtype != nil && quantize != nil { throw ValidationError("'--dtype' and '--quantize' cannot be used together") }
    if let numHeads, !(1...1_024).contains(numHeads) {
      throw ValidationError("--num-heads: expected 1 to 1024, found \(numHeads)")
    }
    if allowSmallerTokenizer && tokenizer == nil {
      throw ValidationError("--allow-smaller-tokenizer: expected together with --tokenizer")
    }
  }

  /// The files that are read and written, as far as the command line tells.
  private var files: CommandFiles {
    CommandFiles().reading("IN", input).reading("--report", report).reading("--tokenizer", tokenizer)
      .writing("--output", output)
  }

  func run() throws {
    let text = try report.map { path in
      try FileRole.text.check(path)
      return try readAll(path: path, byteLimit: 1 << 30)
    }
    let path = try modelFile(input, global.talk, takesWeights: true)
    let loaded = try ModelSource(path: path, scoreNorm: scoreNorm, headCount: numHeads)
    if verify || report != nil { Machine.warnOfSlowBLAS(global.talk) }
    if let from, from.name != WeightsOrigin.auto, from.name != loaded.origin {
      throw CommandError(
        .badData, "\(input): expected weights of \(from.name), found those of \(loaded.origin)",
        hint: "leave out --from")
    }
    // The files in a folder, or next to the weights, are read too.
    try CommandFiles().reading("a file of IN", loaded.filePaths).writing("--output", output).checkLate()
    loaded.remarks.forEach { global.say($0) }
    let note = loaded.configuration.scoreNormNote("generate, and eval without --form parallel, leave it out")
    if let note, !verify { global.say(note) }  // verify says it itself
    let model = try tokenizerModel(for: loaded)
    guard report == nil || model != nil else {
      throw CommandError(.usage, "--report: the model has no tokenizer to read a text with", hint: "give --tokenizer")
    }
    let storage = try matrixStorage(of: loaded)
    let network = LanguageModel(loaded.configuration, try loaded.loadParameters())
    try network.parameters.checkAreFinite(input)
    if let (name, stored) = network.parameters.firstNotStorable(storage) { throw cannotStore(name, as: stored) }
    var provenance = try loaded.provenance()
    provenance.toolVersion = "retnet \(Version.number)"
    let digest = try network.write(
      to: output, storage: storage, provenance: provenance, tokenizer: model)
    global.say(
      "\(StreamPath.outputName(output)): \(grouped(network.parameters.count)) parameters in "
        + "\(storage.word(loaded.configuration)), digest \(digest.short)")
    if let report, let text { try compare(network, with: text, path: report) }
    guard verify else { return }
    let verification = try FormVerification(model: output).run(global)
    try StandardStream.output.write(verification.text(everyLayer: global.verbose) + "\n")
    try verification.end(global)
  }

  /// The format given by the options; otherwise each matrix keeps its own. Quantising quantised blocks again gives the
  /// same blocks.
  private func matrixStorage(of source: ModelSource) throws -> MatrixStorage {
    if let quantize { return .quantized(quantize) }
    return try dtype.map { .numbers($0) } ?? source.matrixStorage
  }

  private func cannotStore(_ name: String, as stored: StoredWeight) -> CommandError {
    let tensor = "\(input): tensor '\(name)': expected"
    switch stored {
    case .numbers:
      return CommandError(
        .badData, "\(tensor) numbers below 65,504, which f16 can hold, found larger ones", hint: "use --dtype bf16")
    case .q8_0, .q4_0:
      let word = stored == .q8_0 ? Quantization.q8_0.rawValue : Quantization.q4_0.rawValue
      return CommandError(.badData, "\(tensor) numbers in the range of \(word), found others")
    }
  }

  /// Compares how the written model and the original predict a text.
  private func compare(_ network: LanguageModel, with text: [UInt8], path: String) throws {
    let written = try LoadedModel(path: output)
    let ids = (written.bosID.map { [$0] } ?? []) + (try written.tokenizer.encode(text, source: path))
    guard ids.count > 1 else { throw CommandError(.badData, "\(path): expected a text of two tokens or more") }
    let difference = ModelDifference(from: network, to: written.network, on: ids, pool: try global.makePool())
    try StandardStream.output.write(difference.text + "\n")
  }

  /// The tokenizer to store: the one given, else the model's own, else one next to foreign weights.
  private func tokenizerModel(for source: ModelSource) throws -> [UInt8]? {
    if let tokenizer { return try namedTokenizer(tokenizer, for: source) }
    guard case .foreign(let model) = source else { return try source.tokenizerModel() }
    let path = model.weights.path(beside: "tokenizer.model")
    do {
      let tokenizer = try readTokenizer(path, for: model.configuration)
      global.say("\(path): used as the tokenizer; --tokenizer chooses another")
      return tokenizer.model
    } catch FileError.missing {
      return nil
    } catch {
      // The user did not ask for this one, so it does not stop the conversion.
      guard let failure = CommandError(error) else { throw error }
      global.say("warning: \(failure.message); no tokenizer is put into the model")
      return nil
    }
  }

  /// Checks a given tokenizer. Another one than the model's own changes the meaning of ids, and ids without a piece are
  /// never generated.
  private func namedTokenizer(_ path: String, for source: ModelSource) throws -> [UInt8] {
    let tokenizer = try readTokenizer(path, for: source.configuration)
    let own = try source.tokenizerModel()
    if tokenizer.model == own { return tokenizer.model }
    let (size, expected) = (tokenizer.vocabularySize, source.configuration.vocabularySize)
    guard size == expected || allowSmallerTokenizer else {
      throw CommandError(
        .badData, "\(path): expected \(expected) pieces, the model's vocabulary, found \(size)",
        hint: "give the tokenizer that the model was trained with; if the vocabulary was padded, as the "
          + "configuration's vocabulary_size allows, add --allow-smaller-tokenizer")
    }
    if let own {
      global.say(
        "warning: \(path): not the model's own tokenizer (digest \(SHA256Digest(of: own).short)); "
          + "if its pieces differ, the model's output changes its meaning")
    }
    return tokenizer.model
  }

  private func readTokenizer(_ path: String, for model: ModelConfiguration) throws -> Tokenizer {
    let tokenizer = try Tokenizer(path: path)
    try checkVocabulary(of: model, tokenizer)
    return tokenizer
  }
}

extension Quantization: ExpressibleByArgument {}

extension ModelDifference {
  /// The comparison for people.
  fileprivate var text: String {
    let change = 100 * (perplexity / basePerplexity - 1)
    return """
      tokens            \(grouped(tokens))
      perplexity        \(basePerplexity.fixed(4)) -> \(perplexity.fixed(4)) (\(change < 0 ? "" : "+")\(change.fixed(3)) %)
      KL divergence     \(divergence.fixed(6)) nats per token
      top-1 agreement   \(agreement.isNaN ? "none" : (100 * agreement).fixed(2)) %
      """
  }
}

extension ScoreNorm: ExpressibleByArgument {
  /// Parses the name used on the command line, with dashes between words.
  init?(argument: String) {
    guard let norm = Self.allCases.first(where: { $0.word == argument }) else { return nil }
    self = norm
  }

  static var allValueStrings: [String] { allCases.map(\.word) }

  /// The name used on the command line.
  var word: String { rawValue.replacing("_", with: "-") }
}
