internal import ArgumentParser
internal import Checkpoints
internal import Corpora
internal import Files
internal import Modeling
internal import Tokenization

/// `retnet tokenize train` trains a SentencePiece model on text files.
struct TokenizeTrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a SentencePiece vocabulary.",
    discussion: """
      Examples:
        retnet tokenize train --input train.txt --vocab-size 4096 -o tokenizer.model
        retnet tokenize train --input a.jsonl.gz b.jsonl --jsonl-field text --vocab-size 32000 --model-type bpe -o t.model
        retnet tokenize train --input books --pattern '*.txt' --vocab-size 32000 -o tokenizer.model
      """)

  @OptionGroup var input: InputOption
  @OptionGroup var texts: CorpusOptions
  @OptionGroup var global: GlobalOptions

  @Option(help: ArgumentHelp("Number of pieces in the vocabulary.", valueName: "n"))
  var vocabSize: Int

  @Option(
    name: .shortWithValue("o"), help: ArgumentHelp("Where to write the model.", valueName: "tokenizer.model"),
    completion: .file())
  var output: String

  @Option(help: ArgumentHelp("Kind of model.", valueName: "unigram|bpe|word|char"))
  var modelType = ModelType.unigram

  @Option(help: "Share of the characters that get pieces of their own; the rest become bytes.")
  var characterCoverage = 1.0

  @Flag(help: "Map characters without a piece to <unk> instead of to their bytes.")
  var noByteFallback = false

  @Option(help: ArgumentHelp("Strings that are always one piece.", valueName: "a,b"))
  var userDefinedSymbols: String?

  @Option(
    help: "Normalization rule; anything but identity loses information.",
    completion: .list(["identity", "nfkc", "nfkc_cf", "nmt_nfkc", "nmt_nfkc_cf"]))
  var normalization = "identity"

  @Option(help: ArgumentHelp("Sample at most this many bytes of the text.", valueName: "n"))
  var maxBytes: Int?

  @Option(help: "Seed of the sample, a whole number from 0.")
  var seed: UInt64?

  func validate() throws {
    try CommandFiles().reading("--input", input.paths).writing("--output", output).check()
  }

  func run() throws {
    var settings = TokenizerTrainer.Settings(vocabularySize: vocabSize)
    settings.modelType = modelType
    settings.characterCoverage = characterCoverage
    settings.hasByteFallback = !noByteFallback
    settings.userDefinedSymbols =
      userDefinedSymbols?.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) } ?? []
    settings.normalization = normalization
    if let maxBytes { settings.byteLimit = maxBytes }
    if let seed { settings.seed = seed }
    if !settings.isLossless {
      global.say("warning: with these settings, decoding does not always restore the encoded text")
    }
    var trainer = try TokenizerTrainer(settings)
    // Check that the model can be written before training, not after.
    try AtomicFile(replacing: output).discard()
    let corpus = try texts.corpus(input.paths, outputs: [("--output", output)], global)
    var progress = ProgressLine("read", unit: "bytes", total: corpus.byteCount, style: global.progressStyle)
    try corpus.forEachPiece { bytes, isEnd, name in
      try trainer.append(bytes, isEnd: isEnd, source: name)
      progress.update(done: corpus.position)
    }
    progress.leaveLine()
    global.sayWhatWasSkipped(corpus)
    let (bytes, sampled) = (trainer.byteCount, trainer.sampledByteCount)
    global.say(
      "training \(settings.modelType.rawValue) pieces on \(grouped(sampled)) of \(grouped(bytes)) bytes, seed \(settings.seed)"
    )
    let start = ContinuousClock.now
    let model = try trainer.train()
    let size = try Tokenizer(model: model, path: output).vocabularySize
    let file = try AtomicFile(replacing: output)
    try file.write(model)
    try file.commit()
    let seconds = (ContinuousClock.now - start).inSeconds
    global.say(
      "\(file.path): \(grouped(size)) pieces, \(seconds.fixed(1)) s, digest \(SHA256Digest(of: model).short)")
  }
}

extension ModelType: ExpressibleByArgument {}
extension InvalidText: ExpressibleByArgument {}

/// The option that names a tokenizer: `-m`.
struct TokenizerOption: ParsableArguments {
  @Option(
    name: .shortWithValue("m"),
    help: ArgumentHelp(
      "SentencePiece model or tokenizer.json; or a model file or a run folder, for the tokenizer in it.",
      valueName: "tokenizer.model"),
    completion: .file())
  var model: String

  /// Reads the tokenizer.
  ///
  /// - Throws: `FileError`, also for a file of another kind; `TokenizerError`; the errors of reading a model file.
  func load() throws -> Tokenizer { try Self.load(model) }

  /// Reads a tokenizer from a file of its own, a model file or a run folder.
  ///
  /// - Parameter model: The path.
  /// - Returns: The tokenizer.
  /// - Throws: As `load()`.
  static func load(_ model: String) throws -> Tokenizer {
    let path = try SavedRun(path: model)?.model().path ?? model
    guard FileKind(path: path) == .safetensors, FileKind(try SafetensorsFile(path: path)) == .model else {
      return try Tokenizer(path: path)
    }
    return try Tokenizer(model: ModelHeader(path: path).tokenizerModel(), path: "\(path): tokenizer")
  }
}
