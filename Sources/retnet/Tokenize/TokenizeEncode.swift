internal import ArgumentParser
internal import Files
internal import Tokenization

/// `retnet tokenize encode` prints one line of ids for each line of text.
struct TokenizeEncode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode",
    abstract: "Convert text to ids, one line of ids for each line of text.",
    discussion: """
      Examples:
        retnet tokenize encode -m tokenizer.model notes.txt
        echo "In the beginning" | retnet tokenize encode -m tokenizer.model --output-format pieces
        retnet tokenize encode -m tokenizer.model notes.txt.gz --sample 0.1 --seed 7

      Each line is encoded with its newline, so the ids are those of the whole text. Decoding restores the text. Lines
      are printed as they come.
      """)

  enum Format: String, CaseIterable, ExpressibleByArgument {
    case ids
    case pieces
    case jsonl
  }

  @OptionGroup var tokenizer: TokenizerOption
  @OptionGroup var global: GlobalOptions

  @Argument(help: "Text, also as gzip, zstd or xz; '-' is standard input.", completion: .file())
  var file = "-"

  @Option(help: "What is printed.")
  var outputFormat = Format.ids

  @Flag(help: "Start the first line with BOS.")
  var bos = false

  @Flag(help: "End the last line with EOS.")
  var eos = false

  @Option(help: ArgumentHelp("How to treat bytes that are not UTF-8.", valueName: "refuse|bytes"))
  var invalid = InvalidText.refuse

  @OptionGroup var segmentation: SegmentationOptions

  func validate() throws { try CommandFiles().reading("--model", tokenizer.model).reading("FILE", file).check() }

  func run() throws {
    let tokenizer = try tokenizer.load()
    try segmentation.check(tokenizer)
    let bosID = try id(tokenizer.bosID, of: "BOS", wanted: bos, tokenizer)
    let eosID = try id(tokenizer.eosID, of: "EOS", wanted: eos, tokenizer)
    let source = try ByteSource(path: file)
    // Any bytes may come from a stream.
    if file != StreamPath.dash { try FileRole.text.check(source, waits: false) }
    var lines = EncodedLines(
      TextEncoder(tokenizer, invalid: invalid, source: source.name, sampling: segmentation.sampling),
      tokenizer, format: outputFormat, nbest: segmentation.listed, bosID: bosID, eosID: eosID)
    while let block = try source.next() {
      try lines.append(block)
      try StandardStream.output.write(lines.takeText())
    }
    try lines.finish()
    try StandardStream.output.write(lines.takeText())
  }

  private func id(_ id: Int32?, of name: String, wanted: Bool, _ tokenizer: Tokenizer) throws -> Int32? {
    guard wanted else { return nil }
    guard let id else { throw CommandError(.badData, "\(tokenizer.path): expected a \(name) token, found none") }
    return id
  }
}
