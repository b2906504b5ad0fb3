internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Tokenization

/// Reads token ids, document by document, from a text or a token file.
enum TextInput {
  case text(TextReader)
  case tokens(TokenFile)

  /// Opens a file or a stream, also a compressed one; its first bytes tell which kind it is.
  ///
  /// - Parameters:
  ///   - path: A path, or `-` for standard input.
  ///   - stopsAtSignals: Whether reading throws `FileError.stopped` after a handled signal.
  /// - Throws: An error if the file is missing, of another kind, or a damaged token file.
  init(path: String, stopsAtSignals: Bool = false) throws {
    let source = try ByteSource(path: path, stopsAtSignals: stopsAtSignals)
    if FileKind(beginning: try source.beginning()) == .tokenFile {
      let tokens = try TokenFile(MappedFile(source))
      try tokens.verify()
      self = .tokens(tokens)
    } else {
      try FileRole.text.check(source, waits: true)
      self = .text(TextReader(source))
    }
  }

  /// How many bytes are to be read: of a text as it is stored, of a token file's texts. nil for a stream.
  var byteCount: Int? {
    switch self {
    case .text(let reader): reader.source.byteCount
    case .tokens(let file): file.totalBytes
    }
  }

  /// The next ids of a document, or its end.
  enum Part {
    case start
    case ids([Int32])
    /// The next ids of a document of which only a part is scored; such a document has no `end`.
    case masked([Int32], unscored: [Range<Int>])
    /// The bytes and words of the document's text; nil if the words of a token file are unknown.
    case end(bytes: Int, words: Int?)
  }

  /// Passes the documents to a closure in pieces of bounded size.
  ///
  /// - Parameters:
  ///   - model: Its vocabulary limits the ids of a token file.
  ///   - tokenizer: Encodes text, and must have made token files; nil: token files are read as they are.
  ///   - rule: How a text is split into documents.
  ///   - eosID: The id that ends each document of a text, if the model has one.
  ///   - progress: Receives about how many of `byteCount` bytes have been read; also at the end.
  ///   - body: Receives the parts in order.
  /// - Throws: If the text is empty, binary, not UTF-8, or in a damaged archive; if the token file was made by another tokenizer, or the body throws.
  func forEachPart(
    of model: ModelHeader, _ tokenizer: Tokenizer?, rule: DocumentRule, eosID: Int32?,
    progress: (Int) -> Void = { _ in },
    _ body: (Part) throws -> Void
  ) throws {
    switch self {
    case .text(let reader):
      guard let tokenizer else { throw CommandError(noTokenizerIn: model, for: reader.source.name) }
      try forEachTextPart(reader, tokenizer, rule, eosID, progress, body)
    case .tokens(let file):
      if let tokenizer { try checkDigest(of: file, tokenizer) }
      let size = model.configuration.vocabularySize
      guard file.header.vocabularySize <= size else {
        throw CommandError(
          .badData,
          "\(file.path): vocabulary size: expected at most \(size), that of the model, "
            + "found \(file.header.vocabularySize)")
      }
      try forEachTokenPart(file, tokenizer, progress, body)
    }
  }

  private func forEachTextPart(
    _ reader: TextReader, _ tokenizer: Tokenizer, _ rule: DocumentRule, _ eosID: Int32?, _ progress: (Int) -> Void,
    _ body: (Part) throws -> Void
  ) throws {
    let name = reader.source.name
    // nil between two documents.
    var encoder: TextEncoder?
    var (byteCount, words) = (0, WordCounter())
    let documents = try Documents(reader, rule: rule).forEachPiece { text, isEnd in
      if encoder == nil {
        try body(.start)
        encoder = TextEncoder(tokenizer, invalid: .refuse, source: name)
        (byteCount, words) = (0, WordCounter())
      }
      var ids: [Int32] = []
      try encoder?.append(text, to: &ids)
      byteCount += text.count
      words.append(text)
      if isEnd {
        try encoder?.finish(to: &ids)
        encoder = nil
        if let eosID { ids.append(eosID) }
      }
      try body(.ids(ids))
      if isEnd { try body(.end(bytes: byteCount, words: words.count)) }
      progress(reader.source.position)
    }
    if documents == 0 { throw CorpusError.noDocuments(path: name) }
    progress(reader.source.position)
  }

  private func forEachTokenPart(
    _ file: TokenFile, _ tokenizer: Tokenizer?, _ progress: (Int) -> Void, _ body: (Part) throws -> Void
  ) throws {
    var count = 0
    for document in 0..<file.documentCount {
      try body(.start)
      var words = tokenizer.map { DecodedWords($0) }
      try file.forEachPiece(ofDocument: document) { ids, unscored in
        if file.header.hasMask {
          try body(.masked(ids, unscored: unscored))
        } else {
          words?.append(ids)
          try body(.ids(ids))
        }
        count += ids.count
        progress(Int(Double(file.totalBytes) * Double(count) / Double(file.count)))
      }
      guard !file.header.hasMask else { continue }
      try body(.end(bytes: try file.documentBytes(document), words: words?.count))
    }
  }
}

/// Throws if a token file was made by another tokenizer: its ids would have another meaning.
func checkDigest(of file: TokenFile, _ tokenizer: Tokenizer) throws {
  let digest = SHA256Digest(of: tokenizer.model)
  guard file.header.tokenizerDigest == digest else {
    throw CommandError(
      .badData,
      "\(file.path): expected ids of the tokenizer \(digest.short) (\(tokenizer.path)), "
        + "found those of \(file.header.tokenizerDigest.short)",
      hint: "pack the text again with this tokenizer: retnet tokenize pack -m tokenizer.model …")
  }
  guard file.header.vocabularySize == tokenizer.vocabularySize else {
    throw CommandError(
      .badData,
      "\(file.path): vocabulary size: expected \(tokenizer.vocabularySize), that of \(tokenizer.path), "
        + "found \(file.header.vocabularySize)")
  }
}

extension GlobalOptions {
  private static let namesOfJSONLines = ["", ".gz", ".zst", ".xz"].flatMap { [".jsonl" + $0, ".ndjson" + $0] }

  /// Warns about files that are JSON lines, by content or name, but are read as plain text.
  ///
  /// - Parameters:
  ///   - paths: The paths of texts.
  ///   - advice: How to read the text from a field.
  func warnOfJSONLines(_ paths: [String], advice: String = "--jsonl-field NAME reads the text from that field") {
    for path in paths {
      let isNamedSo = Self.namesOfJSONLines.contains { path.lowercased().hasSuffix($0) }
      guard isNamedSo || FileKind(path: path) == .jsonLines else { continue }
      say("warning: \(path): read as plain text, including the JSON syntax; \(advice)")
    }
  }
}

extension SHA256Digest {
  /// The first twelve digits, enough for people to tell files apart.
  var short: String { String(description.prefix(12)) }
}

extension ScoredBytes {
  /// Counts the bytes of texts of a tokenizer; without one, those of a first token that is not scored count too.
  init(_ tokenizer: Tokenizer?) {
    self.init(
      opening: { tokenizer?.openingByteCount(of: $0) ?? 0 }, inside: { tokenizer?.bytes(of: $0).count ?? 0 })
  }
}

/// Counts the words that a document's ids decode to; nil if the tokenizer may have changed them.
private struct DecodedWords {
  private let tokenizer: Tokenizer
  private var counter = WordCounter()
  private var isTextStart = true
  private var isKnown: Bool

  init(_ tokenizer: Tokenizer) {
    self.tokenizer = tokenizer
    isKnown = tokenizer.keepsWords
  }

  var count: Int? { isKnown ? counter.count : nil }

  mutating func append(_ ids: [Int32]) {
    guard isKnown, !ids.contains(where: { $0 == tokenizer.unknownID }) else {
      isKnown = false
      return
    }
    var bytes: [UInt8] = []
    for id in ids { tokenizer.appendBytes(of: id, isTextStart: &isTextStart, to: &bytes) }
    counter.append(bytes.span)
  }
}
