internal import ArgumentParser
internal import Corpora
internal import Files
internal import Tokenization

/// `retnet tokenize pack` encodes text files into a token file.
struct TokenizePack: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pack",
    abstract: "Encode texts into a token file for training.",
    discussion: """
      Examples:
        retnet tokenize pack -m tokenizer.model --input train.txt -o train.tokens
        retnet tokenize pack -m tokenizer.model --input a.jsonl --jsonl-field text -o train.tokens \\
          --validation-output validation.tokens --validation-fraction 0.01

      Each document ends with EOS if the tokenizer has one. The format is described in docs/TOKENS.md.
      """)

  @OptionGroup var tokenizer: TokenizerOption
  @OptionGroup var global: GlobalOptions

  @Option(parsing: .upToNextOption, help: "Text files, UTF-8; '-' is standard input.", completion: .file())
  var input: [String]

  @Option(
    name: .shortWithValue("o"), help: ArgumentHelp("Where to write the ids.", valueName: "train.tokens"),
    completion: .file())
  var output: String

  @Option(help: ArgumentHelp("Where to write the held-out documents.", valueName: "file"), completion: .file())
  var validationOutput: String?

  @Option(help: ArgumentHelp("Share of the documents that is held out, spread evenly.", valueName: "p"))
  var validationFraction: Double?

  @Option(help: ArgumentHelp("The input is JSON lines with the text in this field.", valueName: "text"))
  var jsonlField: String?

  @Option(
    help: ArgumentHelp("What a document is.", valueName: "file|line|blank-line|separator:STR"),
    completion: DocumentRule.completion)
  var documents = "file"

  @Option(help: ArgumentHelp("How to treat bytes that are not UTF-8.", valueName: "refuse|bytes"))
  var invalid = InvalidText.refuse

  @Flag(help: "Decode the ids again and compare them with the text.")
  var verify = false

  func validate() throws {
    if (validationOutput == nil) != (validationFraction == nil) {
      throw ValidationError("'--validation-output' and '--validation-fraction' go together")
    }
    if let validationFraction, !(validationFraction > 0 && validationFraction < 1) {
      throw ValidationError("--validation-fraction: expected between 0 and 1, found \(validationFraction)")
    }
    try CommandFiles().reading("--model", tokenizer.model).reading("--input", input).writing("--output", output)
      .writing("--validation-output", validationOutput).check()
    guard DocumentRule(argument: documents) != nil else {
      throw ValidationError("--documents: expected file, line, blank-line or separator:STR, found '\(documents)'")
    }
  }

  func run() throws {
    guard let rule = jsonlField.map({ .jsonLines(field: $0) }) ?? DocumentRule(argument: documents) else { return }
    let tokenizer = try tokenizer.load()
    let header = TokenFileHeader(
      vocabularySize: tokenizer.vocabularySize, eosID: tokenizer.eosID,
      tokenizerDigest: SHA256Digest(of: tokenizer.model))
    if jsonlField == nil { global.warnOfJSONLines(input) }
    var packer = Packer(tokenizer: tokenizer, invalid: invalid, verifies: verify)
    var writer = try TokenFileWriter(replacing: output, header: header)
    if let validationOutput, let validationFraction {
      var heldOut = try TokenFileWriter(replacing: validationOutput, header: header)
      var seen = 0.0
      try forEachDocument(rule) { text, path in
        seen += validationFraction
        if seen >= 1 {
          seen -= 1
          try packer.pack(text, of: path, into: &heldOut)
        } else {
          try packer.pack(text, of: path, into: &writer)
        }
      }
      // Either both files are written or neither.
      try checkDocuments(heldOut.documentCount, of: heldOut.documentCount + writer.documentCount, validationOutput)
      try checkDocuments(writer.documentCount, of: heldOut.documentCount + writer.documentCount, output)
      try commit(heldOut, validationOutput)
    } else {
      try forEachDocument(rule) { text, path in try packer.pack(text, of: path, into: &writer) }
    }
    try commit(writer, output)
  }

  private func forEachDocument(_ rule: DocumentRule, _ body: (Span<UInt8>, String) throws -> Void) throws {
    for path in input {
      let file = try MappedFile(reading: path)
      if invalid == .refuse {
        try file.checkText()
      } else {
        try FileRole.text.check(file)
        if file.byteCount == 0 { throw CorpusError.emptyText(path: file.path) }
      }
      var progress = ProgressLine("pack", unit: "bytes", total: file.byteCount, style: global.progressStyle)
      try Documents(file, rule: rule).forEach { text, done in
        try body(text, file.path)
        progress.update(done: done)
      }
      progress.leaveLine()
    }
  }

  /// With few documents, the training or the validation part may be empty.
  private func checkDocuments(_ count: Int, of all: Int, _ path: String) throws {
    guard count == 0 else { return }
    let isWhole = jsonlField == nil && DocumentRule(argument: documents) == .file
    throw CommandError(
      .badData,
      "\(path): expected documents for this file, found none: "
        + "\(all == 1 ? "there is one document" : "there are \(grouped(all)) documents"), and --validation-fraction is "
        + "\(validationFraction ?? 0)",
      hint: isWhole
        ? "each file is one document; --documents line or blank-line splits it"
        : "use a fraction that covers at least one document, or more text")
  }

  private func commit(_ writer: consuming TokenFileWriter, _ path: String) throws {
    let (count, documents, name) = (writer.count, writer.documentCount, StreamPath.outputName(path))
    let digest = try writer.commit()
    global.say("\(name): \(grouped(count)) tokens, \(grouped(documents)) documents, digest \(digest.short)")
  }
}

/// Encodes documents of any size in bounded memory.
private struct Packer {
  let tokenizer: Tokenizer
  let invalid: InvalidText
  let verifies: Bool
  private var ids: [Int32] = []

  init(tokenizer: Tokenizer, invalid: InvalidText, verifies: Bool) {
    self.tokenizer = tokenizer
    self.invalid = invalid
    self.verifies = verifies
  }

  mutating func pack(_ text: Span<UInt8>, of path: String, into writer: inout TokenFileWriter) throws {
    var encoder = TextEncoder(tokenizer, invalid: invalid, source: path)
    var check = RoundTrip(tokenizer, verifies: verifies)
    let pieceLength = 1 << 20
    for start in stride(from: 0, to: text.count, by: pieceLength) {
      ids.removeAll(keepingCapacity: true)
      try encoder.append(text.extracting(start..<min(start + pieceLength, text.count)), to: &ids)
      try writer.append(ids)
      try check.compare(ids, text, path)
    }
    ids.removeAll(keepingCapacity: true)
    try encoder.finish(to: &ids)
    try writer.append(ids)
    try check.compare(ids, text, path)
    try check.finish(text, path)
    try writer.endDocument(byteCount: text.count)
  }
}

/// Decodes the encoded ids and compares the result with the text, byte by byte.
private struct RoundTrip {
  private let tokenizer: Tokenizer
  private let verifies: Bool
  private var isTextStart = true
  private var position = 0

  init(_ tokenizer: Tokenizer, verifies: Bool) {
    self.tokenizer = tokenizer
    self.verifies = verifies
  }

  mutating func compare(_ ids: [Int32], _ text: Span<UInt8>, _ path: String) throws {
    guard verifies else { return }
    var bytes: [UInt8] = []
    for id in ids { tokenizer.appendBytes(of: id, isTextStart: &isTextStart, to: &bytes) }
    for byte in bytes {
      guard position < text.count, text[position] == byte else { throw difference(path) }
      position += 1
    }
  }

  func finish(_ text: Span<UInt8>, _ path: String) throws {
    if verifies, position != text.count { throw difference(path) }
  }

  private func difference(_ path: String) -> CommandError {
    CommandError(
      .badData, "\(path): byte offset \(position) of a document: decoding does not restore the text",
      hint: "this tokenizer normalises or drops characters; train one with byte fallback and the identity rule")
  }
}
