internal import ArgumentParser
internal import Corpora
internal import Files
internal import Tokenization

/// `retnet tokenize import` makes a token file of token ids that another program stored.
struct TokenizeImport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Make a token file of the .bin files of llm.c, modded-nanogpt or nanoGPT.",
    discussion: """
      Examples:
        retnet tokenize import -m gpt2/tokenizer.json --input fineweb_train_*.bin -o train.tokens
        retnet tokenize import -m gpt2/tokenizer.json --input train.bin --format nanogpt -o train.tokens

      Documents are what lies between ids of EOS; empty ones are left out.
      """)

  @OptionGroup var tokenizer: TokenizerOption
  @OptionGroup var global: GlobalOptions

  @Option(parsing: .upToNextOption, help: "Files of ids; their documents follow each other.", completion: .file())
  var input: [String]

  @Option(
    name: .shortWithValue("o"), help: ArgumentHelp("Where to write the ids.", valueName: "train.tokens"),
    completion: .file())
  var output: String

  @Option(help: "What the files are; modded-nanogpt writes those of llm.c.")
  var format = BinFormat.llmC

  func validate() throws {
    try CommandFiles().reading("--model", tokenizer.model).reading("--input", input).writing("--output", output)
      .check()
  }

  func run() throws {
    let tokenizer = try tokenizer.load()
    let files = try input.map { path in
      if format == .llmC { try FileRole.binTokens.check(path) }
      return try BinTokenFile(path: path, format: format)
    }
    let header = TokenFileHeader(
      vocabularySize: tokenizer.vocabularySize, eosID: tokenizer.eosID,
      tokenizerDigest: SHA256Digest(of: tokenizer.model))
    var writer = try TokenFileWriter(replacing: output, header: header)
    var document = OpenDocument()
    var done = 0
    var progress = ProgressLine(
      "import", unit: "tokens", total: files.reduce(0) { $0 + $1.count }, style: global.progressStyle)
    for file in files {
      try file.forEachBlock(vocabularySize: tokenizer.vocabularySize) { ids in
        for part in ids.split(separator: tokenizer.eosID ?? -1, omittingEmptySubsequences: false) {
          // Before each part but the first, a document ends.
          if part.startIndex > 0 { try document.end(&writer) }
          try document.append(Array(part), tokenizer, &writer)
        }
        done += ids.count
        progress.update(done: done)
      }
      try document.end(&writer)
    }
    progress.leaveLine()
    let (count, documents) = (writer.count, writer.documentCount)
    guard documents > 0 else { throw CorpusError.noDocuments(path: input.joined(separator: ", ")) }
    let digest = try writer.commit()
    global.say(
      "\(StreamPath.outputName(output)): \(grouped(count)) tokens, \(grouped(documents)) documents, digest "
        + digest.short)
  }
}

/// A document whose last ids have not come.
private struct OpenDocument {
  private var idCount = 0
  private var byteCount = 0
  private var isTextStart = true

  mutating func append(_ ids: [Int32], _ tokenizer: Tokenizer, _ writer: inout TokenFileWriter) throws {
    var text: [UInt8] = []
    for id in ids { tokenizer.appendBytes(of: id, isTextStart: &isTextStart, to: &text) }
    try writer.append(ids)
    idCount += ids.count
    byteCount += text.count
  }

  mutating func end(_ writer: inout TokenFileWriter) throws {
    if idCount > 0 { try writer.endDocument(byteCount: byteCount) }
    self = OpenDocument()
  }
}

extension BinFormat: ExpressibleByArgument {}
