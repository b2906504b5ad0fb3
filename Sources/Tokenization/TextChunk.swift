/// A part of a text that can be encoded by itself: its ids are those that it has in the whole text.
package struct TextChunk: Sendable {
  /// Whole characters, unless the text is not UTF-8.
  package let bytes: [UInt8]
  /// Where the first byte is.
  package let place: TextPlace
  /// What follows the last byte: another text, or more of this one.
  let end: TextPlace
  /// The start in the text, in bytes.
  package let offset: Int
  /// The line of the start, from 1.
  let line: Int
}

/// Cuts a text that arrives in pieces into chunks, for several threads to encode.
///
/// ```swift
/// var chunker = TextChunker(tokenizer)
/// while let block = try reader.next() { chunker.append(block.span, to: &chunks) }
/// chunker.finish(to: &chunks)
/// ```
package struct TextChunker {
  /// A chunk has at least so many bytes, and at most what the encoder buffers more; only the last one may be shorter.
  private static let byteCount = 1 << 16

  private let algorithm: Tokenizer.Algorithm
  // Exactly one of them is there, as in `TextEncoder`.
  private var segments: TextSegments?
  private var cuts: TextCuts?
  /// The open chunk.
  private var bytes: [UInt8] = []
  private var place = TextPlace.textStart
  private var (offset, line) = (0, 1)
  /// Where the splitter started in the text.
  private var origin = (offset: 0, line: 1)

  package init(_ tokenizer: Tokenizer) {
    algorithm = tokenizer.algorithm
    startSplitter()
  }

  private mutating func startSplitter() {
    switch algorithm {
    case .sentencePiece(let vocabulary): segments = SentencePieceTextEncoder.segments(vocabulary)
    case .byteLevel(let vocabulary): cuts = TextCuts(vocabulary)
    }
  }

  /// Adds the next bytes of the text.
  ///
  /// - Parameters:
  ///   - text: Any number of bytes; characters may be split.
  ///   - chunks: Receives what no longer depends on later bytes.
  package mutating func append(_ text: Span<UInt8>, to chunks: inout [TextChunk]) {
    text.forEachBlock { block in
      segments?.append(block)
      cuts?.append(block)
      takeSegments(isFinal: false, to: &chunks)
    }
  }

  /// Ends a text, or a part of one that is encoded by itself.
  ///
  /// - Parameters:
  ///   - next: Where the next bytes are: at the start of another text, or in this one.
  ///   - chunks: Receives the rest; nothing if there are no bytes.
  package mutating func finish(next: TextPlace = .textStart, to chunks: inout [TextChunk]) {
    takeSegments(isFinal: true, to: &chunks)
    if !bytes.isEmpty {
      chunks.append(TextChunk(bytes: bytes, place: place, end: next, offset: offset, line: line))
    }
    origin =
      next == .textStart ? (0, 1) : (offset + bytes.count, line + bytes.count { $0 == UInt8(ascii: "\n") })
    (offset, line) = origin
    place = next
    bytes = []
    startSplitter()
  }

  private mutating func takeSegments(isFinal: Bool, to chunks: inout [TextChunk]) {
    while let segment = segments?.next(isFinal: isFinal) {
      take(segment, (segments?.offset ?? 0, segments?.line ?? 1), canStart: true, to: &chunks)
    }
    while let segment = cuts?.next(isFinal: isFinal) {
      // After an added token, a space may be added, except before another one.
      let canStart = !addsPrefixSpace || segment.first == UInt8(ascii: " ")
      take(segment, (cuts?.offset ?? 0, cuts?.line ?? 1), canStart: canStart, to: &chunks)
    }
  }

  private var addsPrefixSpace: Bool {
    if case .byteLevel(let vocabulary) = algorithm { vocabulary.addsPrefixSpace } else { false }
  }

  private mutating func take(
    _ segment: ArraySlice<UInt8>, _ start: (offset: Int, line: Int), canStart: Bool, to chunks: inout [TextChunk]
  ) {
    if bytes.count >= Self.byteCount, canStart {
      chunks.append(TextChunk(bytes: bytes, place: place, end: .middle, offset: offset, line: line))
      place = segments != nil && bytes.last == UInt8(ascii: "\n") ? .lineStart : .middle
      (offset, line) = (origin.offset + start.offset, origin.line + start.line - 1)
      bytes = []
      bytes.reserveCapacity(Self.byteCount + segment.count)
    }
    bytes += segment
  }
}

extension Tokenizer {
  /// Encodes a chunk of a text, on any thread.
  ///
  /// - Parameters:
  ///   - chunk: The chunk.
  ///   - invalid: How to treat bytes that are not UTF-8.
  ///   - source: The name of the text in errors.
  ///   - ids: Receives ids without BOS and EOS.
  /// - Throws: `TokenizerError.invalidText` with the place in the whole text, or `.encodingFailed`.
  package func encode(
    _ chunk: TextChunk, invalid: InvalidText, source: String, to ids: inout [Int32]
  ) throws(TokenizerError) {
    var encoder = TextEncoder(self, invalid: invalid, source: source, place: chunk.place)
    do {
      try encoder.append(chunk.bytes.span, to: &ids)
      try encoder.end(chunk.end, to: &ids)
    } catch .invalidText(let source, let offset, let line) {
      throw .invalidText(source: source, offset: chunk.offset + offset, line: chunk.line + line - 1)
    }
  }

  /// Where the decoded ids of a chunk first differ from its bytes, in bytes from the start of the text; nil: nowhere.
  package func firstDifference(_ chunk: TextChunk, _ ids: some Sequence<Int32>) -> Int? {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(chunk.bytes.count)
    var isTextStart = chunk.place == .textStart
    for id in ids { appendBytes(of: id, isTextStart: &isTextStart, to: &decoded) }
    if hasDummySuffix, chunk.end == .textStart, decoded.last == UInt8(ascii: " ") { decoded.removeLast() }
    if decoded == chunk.bytes { return nil }
    return chunk.offset + zip(decoded, chunk.bytes).prefix { $0 == $1 }.count
  }
}
