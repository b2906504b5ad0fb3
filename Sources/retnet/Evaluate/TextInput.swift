internal import Corpora
internal import Files
internal import Inference
internal import Tokenization

/// Ids, document by document, from a text or a token file.
enum TextInput {
  case text(MappedFile)
  case tokens(TokenFile)

  /// Opens a file or a stream; its first bytes tell which kind it is.
  ///
  /// - Throws: When the file is missing, empty, binary, not UTF-8, or a damaged token file.
  init(path: String) throws {
    let file = try MappedFile(reading: path)
    if TokenFile.isTokenFile(file) {
      let tokens = try TokenFile(file)
      try tokens.verify()
      self = .tokens(tokens)
    } else {
      try file.checkText()
      self = .text(file)
    }
  }

  /// The bytes of all texts, as `forEachPart` counts them.
  var byteCount: Int {
    switch self {
    case .text(let file): file.byteCount
    case .tokens(let file): file.totalBytes
    }
  }

  /// One document's next ids, or its end.
  enum Part {
    case start
    case ids([Int32])
    /// The bytes and words of the document's text; nil where the words of a token file are not known.
    case end(bytes: Int, words: Int?)
  }

  /// Lends the documents to a closure in pieces of bounded size.
  ///
  /// - Parameters:
  ///   - tokenizer: Encodes text; made the token file.
  ///   - rule: Where a document of a text ends.
  ///   - eosID: Ends each document of a text, where the model has one.
  ///   - progress: Gets how many of `byteCount` bytes are read, about.
  ///   - body: Gets the parts in order.
  /// - Throws: When the text cannot be encoded, the token file is of another tokenizer, or the body throws.
  func forEachPart(
    tokenizer: Tokenizer, rule: DocumentRule, eosID: Int32?, progress: (Int) -> Void = { _ in },
    _ body: (Part) throws -> Void
  ) throws {
    switch self {
    case .text(let file): try forEachTextPart(file, tokenizer, rule, eosID, progress, body)
    case .tokens(let file): try forEachTokenPart(file, tokenizer, progress, body)
    }
  }

  private static let pieceLength = 1 << 16

  private func forEachTextPart(
    _ file: MappedFile, _ tokenizer: Tokenizer, _ rule: DocumentRule, _ eosID: Int32?, _ progress: (Int) -> Void,
    _ body: (Part) throws -> Void
  ) throws {
    try Documents(file, rule: rule).forEach { text, done in
      try body(.start)
      var encoder = TextEncoder(tokenizer, invalid: .refuse, source: file.path)
      for start in stride(from: 0, to: text.count, by: Self.pieceLength) {
        var ids: [Int32] = []
        try encoder.append(text.extracting(start..<min(start + Self.pieceLength, text.count)), to: &ids)
        try body(.ids(ids))
        progress(done - text.count + min(start + Self.pieceLength, text.count))
      }
      var ids: [Int32] = []
      try encoder.finish(to: &ids)
      if let eosID { ids.append(eosID) }
      try body(.ids(ids))
      var words = WordCounter()
      words.append(text)
      try body(.end(bytes: text.count, words: words.count))
    }
  }

  private func forEachTokenPart(
    _ file: TokenFile, _ tokenizer: Tokenizer, _ progress: (Int) -> Void, _ body: (Part) throws -> Void
  ) throws {
    try checkDigest(of: file, tokenizer)
    var count = 0
    for document in 0..<file.documentCount {
      try body(.start)
      var words = DecodedWords(tokenizer)
      try file.forEachPiece(ofDocument: document) { ids in
        words.append(ids)
        try body(.ids(ids))
        count += ids.count
        progress(Int(Double(file.totalBytes) * Double(count) / Double(file.count)))
      }
      try body(.end(bytes: try file.documentBytes(document), words: words.count))
    }
  }
}

/// Ids of one tokenizer mean nothing to another.
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
  /// Says of files that are JSON lines, by their content or their name, that they are read as they are.
  ///
  /// - Parameters:
  ///   - paths: Of texts.
  ///   - advice: How the text of a field is read.
  func warnOfJSONLines(_ paths: [String], advice: String = "--jsonl-field NAME takes the text in that field") {
    for path in paths {
      let isNamedSo = [".jsonl", ".ndjson"].contains { path.lowercased().hasSuffix($0) }
      guard isNamedSo || FileKind(path: path) == .jsonLines else { continue }
      say("warning: \(path): read as plain text, JSON and all; \(advice)")
    }
  }
}

extension SHA256Digest {
  /// The first twelve digits: enough to tell files apart by eye.
  var short: String { String(description.prefix(12)) }
}

extension ScoredBytes {
  /// The bytes of texts of a tokenizer.
  init(_ tokenizer: Tokenizer) { self.init { tokenizer.openingByteCount(of: $0) } }
}

/// Counts runs of bytes other than spaces, tabs and newlines, as `wc -w` does.
private struct WordCounter {
  private(set) var count = 0
  private var isInside = false

  mutating func append(_ bytes: Span<UInt8>) {
    for index in bytes.indices {
      let isSpace = bytes[index] == 0x20 || (bytes[index] >= 0x09 && bytes[index] <= 0x0D)
      if !isSpace && !isInside { count += 1 }
      isInside = !isSpace
    }
  }
}

/// The words that the ids of a document decode to; nil where the tokenizer may have changed them.
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
    guard isKnown, !ids.contains(tokenizer.unknownID) else {
      isKnown = false
      return
    }
    var bytes: [UInt8] = []
    for id in ids { tokenizer.appendBytes(of: id, isTextStart: &isTextStart, to: &bytes) }
    counter.append(bytes.span)
  }
}
