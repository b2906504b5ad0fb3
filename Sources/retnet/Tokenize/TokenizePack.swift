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
        retnet tokenize pack -m tokenizer.model --input chats.jsonl --chat-field messages -o chats.tokens

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
    help: ArgumentHelp("JSON lines: the field with a prompt, whose tokens are not scored.", valueName: "prompt"))
  var promptField: String?

  @Option(help: ArgumentHelp("JSON lines: the field with the text that follows the prompt.", valueName: "completion"))
  var completionField: String?

  @Option(
    help: ArgumentHelp(
      "JSON lines: the field with a list of messages, of which only the assistant's are scored.", valueName: "messages"
    ))
  var chatField: String?

  @Option(
    help: ArgumentHelp(
      "How messages become text, YAML (default: a line for each role); it goes into trained models.",
      valueName: "template.yaml"), completion: .file())
  var chatTemplate: String?

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
    if (promptField == nil) != (completionField == nil) {
      throw ValidationError("'--prompt-field' and '--completion-field' go together")
    }
    let fields = [
      ("--jsonl-field", jsonlField), ("--prompt-field", promptField), ("--chat-field", chatField),
    ].filter { $0.1 != nil }.map(\.0)
    if fields.count > 1 { throw ValidationError("'\(fields[0])' and '\(fields[1])' cannot be used together") }
    if let field = fields.first, documents != "file" {
      throw ValidationError("'\(field)' and '--documents' cannot be used together: each line is a document")
    }
    if chatTemplate != nil, chatField == nil {
      throw ValidationError("--chat-template: expected together with --chat-field")
    }
    try CommandFiles().reading("--model", tokenizer.model).reading("--chat-template", chatTemplate)
      .reading("--input", input).writing("--output", output)
      .writing("--validation-output", validationOutput).check()
    guard DocumentRule(argument: documents) != nil else {
      throw ValidationError("--documents: expected file, line, blank-line or separator:STR, found '\(documents)'")
    }
  }

  func run() throws {
    let tokenizer = try tokenizer.load()
    let template = chatField == nil ? nil : try chatTemplate.map { try ChatTemplate(path: $0) } ?? .standard
    let json = template?.json ?? []
    let header = TokenFileHeader(
      vocabularySize: tokenizer.vocabularySize, eosID: tokenizer.eosID,
      tokenizerDigest: SHA256Digest(of: tokenizer.model), hasMask: promptField != nil || chatField != nil,
      chatTemplateByteCount: json.count)
    if jsonlField == nil, !header.hasMask { global.warnOfJSONLines(input) }
    var packer = Packer(tokenizer: tokenizer, invalid: invalid, verifies: verify)
    var writer = try TokenFileWriter(replacing: output, header: header, chatTemplate: json)
    if let validationOutput, let validationFraction {
      var heldOut = try TokenFileWriter(replacing: validationOutput, header: header, chatTemplate: json)
      var seen = 0.0
      try forEachDocument(&packer, template) { pack in
        seen += validationFraction
        if seen >= 1 {
          seen -= 1
          try pack(&heldOut)
        } else {
          try pack(&writer)
        }
      }
      // Either both files are written or neither.
      try checkDocuments(heldOut.documentCount, of: heldOut.documentCount + writer.documentCount, validationOutput)
      try checkDocuments(writer.documentCount, of: heldOut.documentCount + writer.documentCount, output)
      try commit(heldOut, validationOutput)
    } else {
      try forEachDocument(&packer, template) { pack in try pack(&writer) }
    }
    try commit(writer, output)
  }

  /// Passes on a function for each document that encodes it into a file.
  private func forEachDocument(
    _ packer: inout Packer, _ template: ChatTemplate?,
    _ body: ((inout TokenFileWriter) throws -> Void) throws -> Void
  ) throws {
    for path in input {
      let file = try MappedFile(reading: path)
      if invalid == .refuse {
        try file.checkText()
      } else {
        try FileRole.text.check(file)
        if file.byteCount == 0 { throw CorpusError.emptyText(path: file.path) }
      }
      var progress = ProgressLine("pack", unit: "bytes", total: file.byteCount, style: global.progressStyle)
      if let rule = scoredRule(template) {
        try Documents(file, rule: .line).forEach(rule) { parts, done in
          try body { try packer.pack(parts, of: file.path, into: &$0) }
          progress.update(done: done)
        }
      } else if let rule = jsonlField.map({ .jsonLines(field: $0) }) ?? DocumentRule(argument: documents) {
        try Documents(file, rule: rule).forEach { text, done in
          try body { try packer.pack(text, of: file.path, into: &$0) }
          progress.update(done: done)
        }
      }
      progress.leaveLine()
    }
  }

  /// How JSON lines become documents of which only a part is scored; nil without such.
  private func scoredRule(_ template: ChatTemplate?) -> ScoredDocumentRule? {
    if let promptField, let completionField { return .prompt(field: promptField, completion: completionField) }
    return chatField.flatMap { field in template.map { .chat(field: field, $0) } }
  }

  /// With few documents, the training or the validation part may be empty.
  private func checkDocuments(_ count: Int, of all: Int, _ path: String) throws {
    guard count == 0 else { return }
    let isJSON = [jsonlField, promptField, chatField].contains { $0 != nil }
    let isWhole = !isJSON && DocumentRule(argument: documents) == .file
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

extension Packer {
  /// Encodes a document of parts, each by itself, as generation encodes a prompt and then goes on.
  mutating func pack(_ parts: [DocumentPart], of path: String, into writer: inout TokenFileWriter) throws {
    var check = RoundTrip(tokenizer, verifies: verifies)
    var (place, byteCount) = (TextPlace.textStart, 0)
    let text = parts.flatMap { Array($0.text.utf8) }
    for part in parts {
      let bytes = Array(part.text.utf8)
      var encoder = TextEncoder(tokenizer, invalid: invalid, source: path, place: place)
      var ids: [Int32] = []
      try encoder.append(bytes.span, to: &ids)
      try encoder.finish(to: &ids)
      try writer.append(ids, isScored: part.isScored)
      try check.compare(ids, text.span, path)
      byteCount += bytes.count
      place = .middle
    }
    try check.finish(text.span, path)
    try writer.endDocument(byteCount: byteCount)
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
