internal import ArgumentParser
internal import Files
internal import Modeling
internal import Tensors
internal import Tokenization

/// `retnet convert`: a model file in another number format, or with another tokenizer.
struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a model in another number format.",
    discussion: """
      Examples:
        retnet convert runs/kjv-small/best.safetensors -o kjv-bf16.safetensors --dtype bf16
        retnet convert model.safetensors -o with-tokenizer.safetensors --tokenizer tokenizer.model

      Matrices take the format; norm weights stay f32. Widening is exact, narrowing rounds to nearest.
      """)

  @Argument(help: ArgumentHelp("Model file.", valueName: "in"))
  var input: String

  @OptionGroup var global: GlobalOptions

  @Option(name: .shortAndLong, help: ArgumentHelp("Where the model goes.", valueName: "out"))
  var output: String

  @Option(help: ArgumentHelp("Format of the matrices (default: as they are).", valueName: "f32|bf16|f16"))
  var dtype: NumberFormat?

  @Option(help: ArgumentHelp("Put this SentencePiece model into the file.", valueName: "tokenizer.model"))
  var tokenizer: String?

  func run() throws {
    let header = try ModelHeader(path: input)
    var model: [UInt8]? = header.hasTokenizer ? try header.tokenizerModel() : nil
    if let tokenizer {
      let bytes = try readAll(path: tokenizer, byteLimit: 1 << 30)
      try checkVocabulary(of: header, Tokenizer(model: bytes, path: tokenizer))
      model = bytes
    }
    let format = dtype ?? header.format
    let network = try header.loadNetwork()
    if format == .float16, let name = network.parameters.firstBeyondFloat16 {
      throw CommandError(
        .badData, "\(input): tensor '\(name)': expected numbers below 65,504, which f16 can hold, found larger ones",
        hint: "use --dtype bf16")
    }
    var provenance = header.provenance
    provenance.parent = try (header.storedDigest ?? header.computeDigest()).description
    provenance.toolVersion = "retnet \(Version.number)"
    let digest = try network.write(to: output, format: format, provenance: provenance, tokenizer: model)
    global.say(
      "\(output): \(grouped(network.parameters.count)) parameters in \(format.rawValue), digest \(digest.short)")
  }
}

extension NumberFormat: ExpressibleByArgument {}
