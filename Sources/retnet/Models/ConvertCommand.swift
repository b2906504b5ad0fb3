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
    abstract: "Write a model, or weights of another program, as a model file or for another program.",
    discussion: """
      Examples:
        retnet convert runs/kjv-small/best.safetensors -o kjv-bf16.safetensors --dtype bf16
        retnet convert kjv-small.safetensors -o kjv-q8.safetensors --quantize q8_0 --report kjv.txt
        retnet convert retnet-1.3B-100B/ -o retnet-1.3b.safetensors
        retnet convert checkpoint.pt -o model.safetensors --num-heads 8 --score-norm sum-of-abs
        retnet convert runs/kjv-small --to huggingface -o kjv-small-hf

      IN is a model file, a run folder, or weights of torchscale, flash-linear-attention (fla), syncdoth/RetNet of both
      versions, yet-another-retnet or Jamie-Stirling/RetNet: safetensors, an index of several, a PyTorch file, or a
      folder with one of these. Names and shapes identify the family; config.json next to the weights supplies the rest,
      and a tokenizer.model or tokenizer.json there goes into the file.
      The format applies to matrices; norm weights and biases stay f32. Widening is exact, narrowing rounds to nearest.
      Quantised matrices have blocks of 32 numbers with a scale; embedding and head keep eight bits.

      With --to, OUT is a folder that the other program loads. A model that the program cannot express is refused.
      docs/CONVERT.md has the table of what each family can express.
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
      "Write a folder for this program.", valueName: "huggingface|torchscale|syncdoth|yet-another-retnet"))
  var to: ExportTarget?

  @Option(
    help: ArgumentHelp(
      "With --to huggingface or syncdoth: largest weights file, such as 500MB (default: 5GB).", valueName: "size"))
  var maxShardSize: ByteSize?

  @Option(
    help: ArgumentHelp(
      "Expected family of the weights (default: auto).",
      valueName: "auto|retnet|torchscale|fla|syncdoth|yet-another-retnet|syncdoth-first|jamie-stirling"))
  var from: WeightsOrigin?

  @Option(
    help: ArgumentHelp(
      "Divisor of the scores (default: that of the model or its family).",
      valueName: "none|row-decay|abs-of-sum|sum-of-abs"))
  var scoreNorm: ScoreNorm?

  @Option(help: ArgumentHelp("Number of heads, for foreign weights that do not state it.", valueName: "n"))
  var numHeads: Int?

  @Option(
    help: ArgumentHelp(
      "Embedding in weights of a family that has none (default: the only matrix that fits).", valueName: "name"))
  var embeddingName: String?

  @Option(
    help: ArgumentHelp(
      "Head in weights of a family that has none; the embedding's name for a tied head.", valueName: "name"))
  var headName: String?

  @Option(
    help: ArgumentHelp("Configuration of the weights (default: config.json next to them).", valueName: "config.json"),
    completion: .file())
  var config: String?

  @Option(
    help: ArgumentHelp(
      "Format of the matrices (default: as they are); with --to, of all weights.", valueName: "f32|bf16|f16"))
  var dtype: NumberFormat?

  @Option(help: ArgumentHelp("Quantise the matrices (default: as they are).", valueName: "q8_0|q4_0"))
  var quantize: Quantization?

  @Option(
    help: ArgumentHelp("Print how the format changes the model's predictions of a text.", valueName: "text"),
    completion: .file())
  var report: String?

  @Option(
    help: ArgumentHelp(
      "Put this SentencePiece model or tokenizer.json into the file (default: the model's own, or the one next to "
        + "foreign weights).",
      valueName: "tokenizer.model"),
    completion: .file())
  var tokenizer: String?

  @Option(
    help: ArgumentHelp(
      "Dictionary of weights trained by fairseq (default: dict.txt next to them).", valueName: "dict.txt"),
    completion: .file())
  var dictionary: String?

  @Flag(help: "Accept a tokenizer with fewer pieces than the model's padded vocabulary.")
  var allowSmallerTokenizer = false

  @Flag(help: "Check the written model as `retnet verify` does; with --to, compare it with IN in all forms.")
  var verify = false

  @Option(
    help: ArgumentHelp(
      "Compare the written model's logits with those of a file that has the tensors input_ids and logits.",
      valueName: "expected.safetensors"),
    completion: .file())
  var expected: String?

  func validate() throws {
    let prints = report != nil || verify || expected != nil
    try files.printing(prints ? "what --report, --verify and --expected print" : nil).check()
    if to != nil {
      if quantize != nil { throw ValidationError("'--quantize' and '--to' cannot be used together") }
      if report != nil {
        throw ValidationError("'--report' and '--to' cannot be used together; --verify compares them")
      }
      if output == StreamPath.dash { throw ValidationError("--output: expected a folder for --to, found '-'") }
    }
    if maxShardSize != nil, to?.isSharded != true {
      throw ValidationError("--max-shard-size: expected together with --to huggingface or syncdoth")
    }
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
    let inputs = CommandFiles().reading("IN", input).reading("--config", config).reading("--report", report)
      .reading("--tokenizer", tokenizer).reading("--dictionary", dictionary).reading("--expected", expected)
    return to == nil ? inputs.writing("--output", output) : inputs.writingFolder("--output", output)
  }

  func run() throws {
    let text = try report.map { path in
      let source = try ByteSource(path: path)
      try FileRole.text.check(source, waits: true)
      return try source.readAll(byteLimit: 1 << 30)
    }
    var expectedLogits = try expected.map { try ExpectedLogits(path: $0) }
    if let config { try FileRole.settings.check(config) }
    if let dictionary { try FileRole.dictionary.check(dictionary) }
    let path = try modelFile(input, global.talk, takesWeights: true)
    var loaded = try ModelSource(
      path: path, scoreNorm: scoreNorm, headCount: numHeads, configurationPath: config,
      tables: TableNames(embedding: embeddingName, head: headName))
    if verify || report != nil || expected != nil { Machine.warnOfSlowBLAS(global.talk) }
    if let from, from.name != WeightsOrigin.auto, from.name != loaded.origin {
      throw CommandError(
        .badData, "\(input): expected weights of \(from.name), found those of \(loaded.origin)",
        hint: "leave out --from")
    }
    loaded.remarks.forEach { global.say($0) }
    try loaded.checkDigest()
    // The files in a folder, or next to the weights, are read too.
    if to == nil {
      try CommandFiles().reading("a file of IN", loaded.filePaths).writing("--output", output).checkLate()
    }
    let (model, order) = try vocabulary(of: loaded)
    if let order, to?.family(loaded.configuration) == .torchscale, let dictionary = order.dictionary.text {
      loaded = loaded.reordered(Array(order.order.rows.indices))  // The order stays; BOS and EOS become known.
      return try export(loaded, to: .torchscale, model, dictionary: dictionary, expectedLogits)
    }
    if let order {
      for note in [order.note, order.rest].compactMap(\.self) { global.say("note: \(note)") }
      loaded = loaded.reordered(order.order.rows)
      expectedLogits = expectedLogits?.reordered(order.order.rows)
    }
    if let to { return try export(loaded, to: to.family(loaded.configuration), model, expectedLogits) }
    let note = loaded.configuration.scoreNormNote("generate, and eval without --form parallel, leave it out")
    if let note, !verify { global.say(note) }  // verify says it itself
    guard report == nil || model != nil else {
      throw CommandError(.usage, "--report: the model has no tokenizer to read a text with", hint: "give --tokenizer")
    }
    let storage = try matrixStorage(of: loaded)
    try check(loaded.reader, storage.storage)
    var provenance = try loaded.provenance()
    provenance.toolVersion = "retnet \(Version.number)"
    let digest = try loaded.reader.write(to: output, storage: storage, provenance: provenance, tokenizer: model)
    let count = loaded.reader.descriptions.reduce(0) { $0 + $1.shape.count }
    global.say(
      "\(StreamPath.outputName(output)): \(grouped(count)) parameters in "
        + "\(storage.word(loaded.configuration)), digest \(digest.short)")
    if let report, let text {
      try compare(LanguageModel(loaded.configuration, loaded.reader.loadParameters()), with: text, path: report)
    }
    if let expectedLogits {
      let written = try ModelHeader(path: output)
      try expectedLogits.check(written.reader, format: written.formatWord, pool: global.makePool())
    }
    guard verify else { return }
    let verification = try FormVerification(model: output).run(global)
    try StandardStream.output.write(verification.text(everyLayer: global.verbose) + "\n")
    try verification.end(global)
  }

  /// Throws if a number is not finite or does not fit into its format.
  func check(_ weights: WeightReader, _ storage: (ParameterDescription) -> StoredWeight) throws {
    switch try weights.firstProblem(storage) {
    case nil: break
    case .notFinite(let found): throw CommandError(found, in: input)
    case .notStorable(let name, let stored): throw cannotStore(name, as: stored)
    }
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
    let ids = (written.bosID.map { [$0] } ?? []) + (try written.tokenizer(for: "--report").encode(text, source: path))
    guard ids.count > 1 else { throw CommandError(.badData, "\(path): expected a text of two tokens or more") }
    let difference = ModelDifference(from: network, to: written.network, on: ids, pool: try global.makePool())
    try StandardStream.output.write(difference.text + "\n")
  }

  /// The tokenizer to store, and the order that it gives the rows of a fairseq model.
  ///
  /// - Throws: The errors of reading both. For foreign weights without an option for either, they are warnings.
  private func vocabulary(of source: ModelSource) throws -> (model: [UInt8]?, order: FairseqOrder?) {
    if case .retnet = source, tokenizer == nil, dictionary == nil { return (try source.tokenizerModel(), nil) }
    do {
      let found = try tokenizer.map { try namedTokenizer($0, for: source) } ?? tokenizerBeside(source)
      return (found?.model, try fairseqOrder(of: source, found))
    } catch {
      // The user did not ask for what was found, so it does not stop the conversion.
      guard tokenizer == nil, dictionary == nil, let failure = CommandError(error) else { throw error }
      global.say("warning: \(failure.message); no tokenizer is put into the model")
      return (nil, nil)
    }
  }

  /// The tokenizer next to foreign weights; nil if there is none.
  private func tokenizerBeside(_ source: ModelSource) throws -> Tokenizer? {
    guard case .foreign(let model) = source else { return nil }
    for name in Self.tokenizerNames + (model.hasFairseqIDs ? [Self.fairseqTokenizerName] : []) {
      let path = model.weights.path(beside: name)
      do {
        let tokenizer = try readTokenizer(path, for: model.configuration)
        global.say("\(path): used as the tokenizer; --tokenizer chooses another")
        return tokenizer
      } catch FileError.missing {}
    }
    return nil
  }

  /// Checks a given tokenizer. Another one than the model's own changes the meaning of ids, and ids without a piece are
  /// never generated.
  private func namedTokenizer(_ path: String, for source: ModelSource) throws -> Tokenizer {
    let tokenizer = try readTokenizer(path, for: source.configuration)
    let own = try source.tokenizerModel()
    if tokenizer.model == own { return tokenizer }
    // A dictionary of fairseq also has rows without a piece; `fairseqOrder` compares the sizes.
    if case .foreign(let model) = source, model.hasFairseqIDs || hasDictionary(beside: model) { return tokenizer }
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
    return tokenizer
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
    let change = (100 * (perplexity / basePerplexity - 1)).fixed(3)
    return """
      tokens            \(grouped(tokens))
      perplexity        \(basePerplexity.fixed(4)) -> \(perplexity.fixed(4)) (\(change.hasPrefix("-") ? "" : "+")\(change) %)
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
