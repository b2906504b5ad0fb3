/// Encodes a text that arrives in pieces with SentencePiece; see `TextEncoder`.
struct SentencePieceTextEncoder {
  private let vocabulary: SentencePieceVocabulary
  private let invalid: InvalidText
  private let source: String
  private let sampling: Sampling?
  private var segments: TextSegments
  private var place: TextPlace

  init(
    _ vocabulary: SentencePieceVocabulary, invalid: InvalidText, source: String, place: TextPlace, sampling: Sampling?
  ) {
    self.vocabulary = vocabulary
    self.invalid = invalid
    self.source = source
    self.sampling = sampling
    segments = Self.segments(vocabulary)
    self.place = place
  }

  static func segments(_ vocabulary: SentencePieceVocabulary) -> TextSegments {
    // One line of 10 MB costs SentencePiece 680 MB and more.
    guard vocabulary.hasDummyPrefix else { return TextSegments(byteLimit: 1 << 16) }
    // A space before the cut could be lost, as could one behind it.
    if vocabulary.isWhitespaceSuffix { return TextSegments(byteLimit: 1 << 20, cut: .inWord) }
    // If a line is split before a space, the space is stripped, and the dummy prefix takes its place.
    let cut: TextSegments.Cut = vocabulary.stripsSpaces && !vocabulary.addsDummyPrefix ? .inWord : .beforeSpaceOrInWord
    return TextSegments(byteLimit: 1 << 20, cut: cut)
  }

  mutating func append(_ bytes: Span<UInt8>, to ids: inout [Int32]) throws(TokenizerError) {
    try bytes.forEachBlock { (block) throws(TokenizerError) in
      segments.append(block)
      try encodeSegments(next: nil, to: &ids)
    }
  }

  /// Encodes what was buffered; the next text starts at a place.
  mutating func end(_ place: TextPlace, to ids: inout [Int32]) throws(TokenizerError) {
    try encodeSegments(next: place, to: &ids)
    segments = Self.segments(vocabulary)
    self.place = place
  }

  // next: Where the bytes behind those that were appended are; nil if they are not known to be the last.
  private mutating func encodeSegments(next: TextPlace?, to ids: inout [Int32]) throws(TokenizerError) {
    let (vocabulary, sampling, source) = (vocabulary, sampling, source)
    try forEachRun(next: next) { (run) throws(TokenizerError) in
      switch run {
      case .bytes(let bytes): vocabulary.appendBytePieces(bytes, to: &ids)
      case .text(let text, let processor):
        do throws(ModelProblem) {
          if let sampling {
            try processor.encode(text, sampling: sampling, to: &ids)
          } else {
            try processor.encode(text, to: &ids)
          }
        } catch  where vocabulary.modelType == .word {
          // A word vocabulary finds the control piece in the word "<s>", and SentencePiece then fails.
          vocabulary.appendBytePieces(text, to: &ids)
        } catch {
          throw .encodingFailed(source: source, reason: error.reason)
        }
      }
    }
  }
}

/// Encoding in several ways.
extension SentencePieceTextEncoder {
  mutating func append(_ text: Span<UInt8>, limit: Int, to best: inout [Segmentation]) throws(TokenizerError) {
    try text.forEachBlock { (block) throws(TokenizerError) in
      segments.append(block)
      try joinSegments(next: nil, limit: limit, to: &best)
    }
  }

  mutating func finish(limit: Int, to best: inout [Segmentation]) throws(TokenizerError) {
    try joinSegments(next: .textStart, limit: limit, to: &best)
    segments = Self.segments(vocabulary)
    place = .textStart
  }

  private mutating func joinSegments(
    next: TextPlace?, limit: Int, to best: inout [Segmentation]
  ) throws(TokenizerError) {
    precondition(vocabulary.modelType == .unigram, "text encoder: only unigram models rank segmentations")
    let (vocabulary, source) = (vocabulary, source)
    try forEachRun(next: next) { (run) throws(TokenizerError) in
      switch run {
      case .bytes(let bytes):
        for index in best.indices { vocabulary.appendBytePieces(bytes, to: &best[index].ids) }
      case .text(let text, let processor):
        do throws(ModelProblem) {
          best = .joined(best, try processor.best(text, limit: limit), limit: limit)
        } catch {
          throw .encodingFailed(source: source, reason: error.reason)
        }
      }
    }
  }
}

extension SentencePieceTextEncoder {
  /// A part of a segment.
  private enum Run {
    /// Text for SentencePiece.
    case text(ArraySlice<UInt8>, SentencePieceProcessor)
    /// U+2581, which SentencePiece would decode as a space, or bytes that are not UTF-8.
    case bytes(ArraySlice<UInt8>)
  }

  /// Passes the parts of the text that no longer depend on later bytes to a closure.
  private mutating func forEachRun(
    next: TextPlace?, _ body: (Run) throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    while let segment = segments.next(isFinal: next != nil) {
      var rest = segment
      let isLine = segment.last == UInt8(ascii: "\n")
      let end: TextPlace = isLine ? .lineStart : segments.isEmpty ? next ?? .middle : .middle
      while !rest.isEmpty {
        let broken = firstInvalidUTF8(rest.span).map {
          rest.startIndex + $0.lowerBound..<rest.startIndex + $0.upperBound
        }
        if let broken, invalid == .refuse {
          let offset = segments.offset + broken.lowerBound - segment.startIndex
          throw .invalidText(source: source, offset: offset, line: segments.line)
        }
        try forEachValidRun(
          rest[..<(broken?.lowerBound ?? rest.endIndex)], end: broken == nil ? end : .middle, body)
        if let broken { try pass(.bytes(rest[broken]), body) }
        rest = rest[(broken?.upperBound ?? rest.endIndex)...]
      }
      if isLine { place = .lineStart }
    }
  }

  private mutating func forEachValidRun(
    _ text: ArraySlice<UInt8>, end: TextPlace, _ body: (Run) throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    var rest = text
    while !rest.isEmpty {
      let symbol = spaceSymbolIndex(in: rest)
      let run = rest[..<(symbol ?? rest.endIndex)]
      if !run.isEmpty {
        let processor = vocabulary.processor(for: run, at: place, end: symbol == nil ? end : .middle)
        try pass(.text(run, processor), body)
      }
      guard let symbol else { return }
      try pass(.bytes(rest[symbol..<symbol + spaceSymbol.count]), body)
      rest = rest[(symbol + spaceSymbol.count)...]
    }
  }

  private mutating func pass(_ run: Run, _ body: (Run) throws(TokenizerError) -> Void) throws(TokenizerError) {
    try body(run)
    place = .middle
  }
}

extension SentencePieceVocabulary {
  /// Appends the pieces of bytes that SentencePiece would change.
  fileprivate func appendBytePieces(_ bytes: ArraySlice<UInt8>, to ids: inout [Int32]) {
    // Without byte pieces the whole sequence is one unknown piece, as SentencePiece does with unknown characters.
    if hasByteFallback {
      for byte in bytes { ids.append(byteIDs[Int(byte)]) }
    } else {
      ids.append(unknownID)
    }
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
