/// How a tokenizer encodes texts: counts over documents, and whether decoding restores them.
package struct TokenStatistics {
  /// A document with its size.
  package struct Document: Equatable {
    /// The file.
    package let source: String
    /// The number of the document in all files, from 1.
    package let number: Int
    package let tokens: Int
    package let bytes: Int
  }

  /// Pieces of this many bytes and more are counted together.
  package static let longestLength = 16
  /// The number of documents that are remembered as the longest.
  private static let longestCount = 3

  package let tokenizer: Tokenizer
  package private(set) var documents = 0
  package private(set) var bytes = 0
  package private(set) var tokens = 0
  /// The number of documents that decoding does not restore.
  package private(set) var changedDocuments = 0
  /// The documents of most tokens, the longest first.
  package private(set) var longest: [Document] = []
  /// How often each id occurs.
  private var counts: [Int]
  private var chunker: TextChunker
  /// The document that has not ended.
  private var open = (tokens: 0, bytes: 0, isRestored: true)

  package init(_ tokenizer: Tokenizer) {
    self.tokenizer = tokenizer
    chunker = TextChunker(tokenizer)
    counts = [Int](repeating: 0, count: tokenizer.vocabularySize)
  }

  /// Counts the next bytes of a document.
  ///
  /// - Parameters:
  ///   - text: Any number of bytes; characters may be split.
  ///   - isEnd: Whether the document ends with them.
  ///   - source: The name of its file.
  ///   - invalid: How to treat bytes that are not UTF-8.
  /// - Throws: `TokenizerError.invalidText` or `.encodingFailed`.
  package mutating func append(
    _ text: Span<UInt8>, isEnd: Bool = true, source: String, invalid: InvalidText
  ) throws(TokenizerError) {
    var chunks: [TextChunk] = []
    chunker.append(text, to: &chunks)
    if isEnd { chunker.finish(to: &chunks) }
    for chunk in chunks {
      var ids: [Int32] = []
      try tokenizer.encode(chunk, invalid: invalid, source: source, to: &ids)
      for id in ids { counts[Int(id)] += 1 }
      open.tokens += ids.count
      open.isRestored = open.isRestored && tokenizer.firstDifference(chunk, ids) == nil
    }
    open.bytes += text.count
    guard isEnd else { return }
    documents += 1
    bytes += open.bytes
    tokens += open.tokens
    if !open.isRestored { changedDocuments += 1 }
    remember(Document(source: source, number: documents, tokens: open.tokens, bytes: open.bytes))
    open = (0, 0, true)
  }

  private mutating func remember(_ document: Document) {
    let place = longest.firstIndex { $0.tokens < document.tokens } ?? longest.count
    longest.insert(document, at: place)
    if longest.count > Self.longestCount { longest.removeLast() }
  }

  /// The number of unknown pieces.
  package var unknown: Int { count(of: .unknown) }

  /// The number of byte pieces, which stand for text that no other piece covers.
  package var bytePieces: Int { count(of: .byte) }

  private func count(of kind: PieceKind) -> Int {
    counts.indices.reduce(0) { $0 + (tokenizer.kind(of: Int32($1)) == kind ? counts[$1] : 0) }
  }

  /// The ordinary and user-defined pieces that no document has.
  package var unusedIDs: [Int32] {
    counts.indices.compactMap { id in
      let kind = tokenizer.kind(of: Int32(id))
      return counts[id] == 0 && (kind == .normal || kind == .userDefined) ? Int32(id) : nil
    }
  }

  /// The number of tokens by the bytes that they stand for, 0 to `longestLength`; the last counts longer ones too.
  package var tokensByLength: [Int] {
    var found = [Int](repeating: 0, count: Self.longestLength + 1)
    for id in counts.indices { found[min(tokenizer.bytes(of: Int32(id)).count, Self.longestLength)] += counts[id] }
    return found
  }
}
