/// Encodes a text that arrives in pieces with SentencePiece; see `TextEncoder`.
struct SentencePieceTextEncoder {
  private let vocabulary: SentencePieceVocabulary
  private let invalid: InvalidText
  private let source: String
  private var segments: TextSegments
  private var place: TextPlace

  init(_ vocabulary: SentencePieceVocabulary, invalid: InvalidText, source: String, place: TextPlace) {
    self.vocabulary = vocabulary
    self.invalid = invalid
    self.source = source
    segments = Self.segments(vocabulary)
    self.place = place
  }

  private static func segments(_ vocabulary: SentencePieceVocabulary) -> TextSegments {
    // One line of 10 MB costs SentencePiece 680 MB and more.
    guard vocabulary.hasDummyPrefix else { return TextSegments(byteLimit: 1 << 16) }
    // If a line is split before a space, the space is stripped, and the dummy prefix takes its place.
    let cut: TextSegments.Cut = vocabulary.stripsSpaces && !vocabulary.addsDummyPrefix ? .inWord : .beforeSpaceOrInWord
    return TextSegments(byteLimit: 1 << 20, cut: cut)
  }

  mutating func append(_ bytes: Span<UInt8>, to ids: inout [Int32]) throws(TokenizerError) {
    try bytes.forEachBlock { (block) throws(TokenizerError) in
      segments.append(block)
      try encodeSegments(isFinal: false, to: &ids)
    }
  }

  /// Encodes what was buffered; the next text starts at a place.
  mutating func end(_ place: TextPlace, to ids: inout [Int32]) throws(TokenizerError) {
    try encodeSegments(isFinal: true, to: &ids)
    segments = Self.segments(vocabulary)
    self.place = place
  }

  private mutating func encodeSegments(isFinal: Bool, to ids: inout [Int32]) throws(TokenizerError) {
    while let segment = segments.next(isFinal: isFinal) { try encode(segment, to: &ids) }
  }

  /// Encodes a segment: SentencePiece encodes text, while U+2581 and bytes that are not UTF-8 are encoded here.
  private mutating func encode(_ segment: ArraySlice<UInt8>, to ids: inout [Int32]) throws(TokenizerError) {
    var rest = segment
    while !rest.isEmpty {
      let broken = firstInvalidUTF8(rest.span).map { rest.startIndex + $0.lowerBound..<rest.startIndex + $0.upperBound }
      if let broken, invalid == .refuse {
        let offset = segments.offset + broken.lowerBound - segment.startIndex
        throw .invalidText(source: source, offset: offset, line: segments.line)
      }
      try encodeValid(rest[..<(broken?.lowerBound ?? rest.endIndex)], to: &ids)
      if let broken { appendBytePieces(rest[broken], to: &ids) }
      rest = rest[(broken?.upperBound ?? rest.endIndex)...]
    }
    if segment.last == UInt8(ascii: "\n") { place = .lineStart }
  }

  private mutating func encodeValid(_ text: ArraySlice<UInt8>, to ids: inout [Int32]) throws(TokenizerError) {
    var rest = text
    while !rest.isEmpty {
      // SentencePiece would decode U+2581 as a space.
      let symbol = spaceSymbolIndex(in: rest)
      let run = rest[..<(symbol ?? rest.endIndex)]
      if !run.isEmpty {
        do {
          try vocabulary.processor(for: run, at: place).encode(run, to: &ids)
        } catch  where vocabulary.modelType == .word {
          // A word vocabulary finds the control piece in the word "<s>", and SentencePiece then fails.
          appendBytePieces(run, to: &ids)
        } catch {
          throw .encodingFailed(source: source, reason: error.reason)
        }
        place = .middle
      }
      guard let symbol else { return }
      appendBytePieces(rest[symbol..<symbol + spaceSymbol.count], to: &ids)
      rest = rest[(symbol + spaceSymbol.count)...]
    }
  }

  private mutating func appendBytePieces(_ bytes: ArraySlice<UInt8>, to ids: inout [Int32]) {
    // Without byte pieces the whole sequence is one unknown piece, as SentencePiece does with unknown characters.
    if vocabulary.hasByteFallback {
      for byte in bytes { ids.append(vocabulary.byteIDs[Int(byte)]) }
    } else {
      ids.append(vocabulary.unknownID)
    }
    place = .middle
  }
}

/// The position of the first U+2581.
func spaceSymbolIndex(in text: ArraySlice<UInt8>) -> Int? {
  var rest = text
  while let lead = rest.firstIndex(of: spaceSymbol[0]) {
    if rest[lead...].starts(with: spaceSymbol) { return lead }
    rest = rest[(lead + 1)...]
  }
  return nil
}
