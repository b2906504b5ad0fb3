internal import ArgumentParser
internal import Corpora
internal import Files
internal import Tensors
internal import Tokenization

/// `retnet tokenize pack` encodes text files into a token file.
struct TokenizePack: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pack",
    abstract: "Encode texts into a token file for training.",
    discussion: """
      Examples:
        retnet tokenize pack -m tokenizer.model --input train.txt -o train.tokens
        retnet tokenize pack -m tokenizer.model --input books --pattern '*.txt.gz' --on-error skip -o train.tokens
        retnet tokenize pack -m tokenizer.model --input a.jsonl.zst --jsonl-field text -o train.tokens \\
          --validation-output validation.tokens --validation-fraction 0.01 --dedup exact --shuffle --seed 1
        retnet tokenize pack -m tokenizer.model --input chats.jsonl --chat-field messages -o chats.tokens

      Each document ends with EOS if the tokenizer has one. The format is described in docs/TOKENS.md.
      """)

  @OptionGroup var tokenizer: TokenizerOption
  @OptionGroup var input: InputOption
  @OptionGroup var texts: CorpusOptions
  @OptionGroup var documents: DocumentOptions
  @OptionGroup var global: GlobalOptions

  @Option(
    name: .shortWithValue("o"), help: ArgumentHelp("Where to write the ids.", valueName: "train.tokens"),
    completion: .file())
  var output: String

  @Option(help: ArgumentHelp("Where to write the held-out documents.", valueName: "file"), completion: .file())
  var validationOutput: String?

  @Option(
    help: ArgumentHelp("Share of the documents that is held out, spread evenly; the seed chooses them.", valueName: "p")
  )
  var validationFraction: Double?

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

  @Option(help: ArgumentHelp("Drop documents whose text was seen before.", valueName: "exact"))
  var dedup: Deduplication?

  @Flag(help: "Write the documents in an order that the seed decides.")
  var shuffle = false

  @Option(help: "Seed of the held-out documents and of the order, a whole number from 0.")
  var seed: UInt64 = 0

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
      ("--jsonl-field", texts.jsonlField), ("--prompt-field", promptField), ("--chat-field", chatField),
    ].filter { $0.1 != nil }.map(\.0)
    if fields.count > 1 { throw ValidationError("'\(fields[0])' and '\(fields[1])' cannot be used together") }
    if let field = fields.first, documents.documents != "file" {
      throw ValidationError("'\(field)' and '--documents' cannot be used together: each line is a document")
    }
    if chatTemplate != nil, chatField == nil {
      throw ValidationError("--chat-template: expected together with --chat-field")
    }
    try CommandFiles().reading("--model", tokenizer.model).reading("--chat-template", chatTemplate)
      .reading("--input", input.paths).writing("--output", output)
      .writing("--validation-output", validationOutput).check()
  }

  func run() throws {
    let tokenizer = try tokenizer.load()
    let template = chatField == nil ? nil : try chatTemplate.map { try ChatTemplate(path: $0) } ?? .standard
    let json = template?.json ?? []
    let header = TokenFileHeader(
      vocabularySize: tokenizer.vocabularySize, eosID: tokenizer.eosID,
      tokenizerDigest: SHA256Digest(of: tokenizer.model), hasMask: promptField != nil || chatField != nil,
      chatTemplateByteCount: json.count)
    let corpus = try texts.corpus(
      input.paths, rule: documents.rule, isChecked: documents.invalid == .refuse, isJSON: header.hasMask,
      outputs: [("--output", output), ("--validation-output", validationOutput)], global)
    func file(_ path: String) throws -> PackedFile {
      try PackedFile(
        replacing: path, header: header, chatTemplate: json, usesDraft: shuffle || dedup != nil)
    }
    let training = try file(output)
    let heldOut = try validationOutput.map(file)
    var choice = validationFraction.map { HeldOutDocuments(fraction: $0, seed: seed) }
    let packer = DocumentPacker(
      tokenizer,
      DocumentPacker.Options(invalid: documents.invalid, verifies: verify, dropsDuplicates: dedup != nil),
      on: WorkerPool(threadCount: try global.threadCount)
    ) {
      if let heldOut, choice?.next() == true { heldOut } else { training }
    }
    try pack(corpus, scoredRule(template), packer)
    let all = training.documentCount + (heldOut?.documentCount ?? 0)
    // Either both files are written or neither.
    for file in [heldOut, training].compactMap(\.self) where heldOut != nil {
      try checkDocuments(file.documentCount, of: all, file.path)
    }
    if let heldOut { try commit(heldOut) }
    try commit(training)
    if dedup != nil { global.say("dropped \(counted(packer.duplicates, "document")) whose text was seen before") }
    global.sayWhatWasSkipped(corpus)
  }

  private func pack(_ corpus: Corpus, _ rule: ScoredDocumentRule?, _ packer: DocumentPacker) throws {
    var progress = ProgressLine("pack", unit: "bytes", total: corpus.byteCount, style: global.progressStyle)
    defer { progress.leaveLine() }
    if let rule {
      try corpus.forEachScored(rule) { parts, name in
        try packer.append(parts, source: name)
        progress.update(done: corpus.position)
      }
    } else {
      try corpus.forEachPiece { text, isEnd, name in
        try packer.append(text, isEnd: isEnd, source: name)
        progress.update(done: corpus.position)
      }
    }
    try packer.finish()
  }

  /// How JSON lines become documents of which only a part is scored; nil without such.
  private func scoredRule(_ template: ChatTemplate?) -> ScoredDocumentRule? {
    if let promptField, let completionField { return .prompt(field: promptField, completion: completionField) }
    return chatField.flatMap { field in template.map { .chat(field: field, $0) } }
  }

  /// With few documents, the training or the validation part may be empty.
  private func checkDocuments(_ count: Int, of all: Int, _ path: String) throws {
    guard count == 0 else { return }
    let isJSON = [texts.jsonlField, promptField, chatField].contains { $0 != nil }
    let isWhole = !isJSON && documents.rule == .file
    throw CommandError(
      .badData,
      "\(path): expected documents for this file, found none: "
        + "\(all == 1 ? "there is one document" : "there are \(grouped(all)) documents"), and --validation-fraction is "
        + "\(validationFraction ?? 0)",
      hint: isWhole
        ? "each file is one document; --documents line or blank-line splits it"
        : "use a fraction that covers at least one document, or more text")
  }

  private func commit(_ file: PackedFile) throws {
    let written = try file.commit(shuffledBy: shuffle ? seed : nil)
    global.say(
      "\(StreamPath.outputName(file.path)): \(grouped(written.tokens)) tokens, \(grouped(written.documents)) documents, "
        + "digest \(written.digest.short)")
  }
}

/// Which documents count as seen before.
enum Deduplication: String, ExpressibleByArgument, CaseIterable {
  /// Those with the same bytes.
  case exact
}
