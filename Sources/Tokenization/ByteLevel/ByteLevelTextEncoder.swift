/// Encodes a text that arrives in pieces as byte-level BPE; see `TextEncoder`.
struct ByteLevelTextEncoder {
  private let vocabulary: ByteLevelVocabulary
  private let invalid: InvalidText
  private let source: String
  private var cuts: TextCuts
  private var cache: MergeCache?
  private var merger = PairMerger()
  /// Whether a space may be added: the text starts here, or an added token ends here.
  private var isPieceStart: Bool

  init(_ vocabulary: ByteLevelVocabulary, invalid: InvalidText, source: String, place: TextPlace) {
    self.vocabulary = vocabulary
    self.invalid = invalid
    self.source = source
    cuts = TextCuts(vocabulary)
    isPieceStart = place == .textStart
  }

  mutating func append(_ bytes: Span<UInt8>, to ids: inout [Int32]) throws(TokenizerError) {
    try bytes.forEachBlock { (block) throws(TokenizerError) in
      cuts.append(block)
      try encodeSegments(isFinal: false, to: &ids)
    }
  }

  /// Encodes what was buffered; the next text starts at a place.
  mutating func end(_ place: TextPlace, to ids: inout [Int32]) throws(TokenizerError) {
    try encodeSegments(isFinal: true, to: &ids)
    if place == .textStart { cuts = TextCuts(vocabulary) }
    isPieceStart = place == .textStart
    if let cache { vocabulary.giveBack(cache) }
    cache = nil
  }

  private mutating func encodeSegments(isFinal: Bool, to ids: inout [Int32]) throws(TokenizerError) {
    while let segment = cuts.next(isFinal: isFinal) { try encode(segment, to: &ids) }
  }

  private mutating func encode(_ segment: ArraySlice<UInt8>, to ids: inout [Int32]) throws(TokenizerError) {
    if cache == nil { cache = vocabulary.takeCache() }
    var rest = segment
    while !rest.isEmpty {
      let broken = firstInvalidUTF8(rest.span).map { rest.startIndex + $0.lowerBound..<rest.startIndex + $0.upperBound }
      if let broken, invalid == .refuse {
        let before = segment[..<broken.lowerBound]
        throw .invalidText(
          source: source, offset: cuts.offset + before.count,
          line: cuts.line + before.count { $0 == UInt8(ascii: "\n") })
      }
      encodeValid(rest[..<(broken?.lowerBound ?? rest.endIndex)], to: &ids)
      if let broken {
        for byte in rest[broken] { ids.append(vocabulary.byteIDs[Int(byte)]) }
        isPieceStart = false
      }
      rest = rest[(broken?.upperBound ?? rest.endIndex)...]
    }
  }

  private mutating func encodeValid(_ text: ArraySlice<UInt8>, to ids: inout [Int32]) {
    var rest = text
    while let part = vocabulary.rawTokens.next(of: &rest) {
      guard case .text(let text) = part else {
        appendToken(part, to: &ids)
        continue
      }
      var normalized = vocabulary.composes ? composed(text) : text
      while let part = vocabulary.normalizedTokens.next(of: &normalized) { appendToken(part, to: &ids) }
    }
  }

  private mutating func appendToken(_ part: AddedTokens.Part, to ids: inout [Int32]) {
    switch part {
    case .text(let text): encodePiece(text, to: &ids)
    case .token(let id):
      ids.append(id)
      isPieceStart = true
    }
  }

  /// Encodes a text between added tokens.
  private mutating func encodePiece(_ text: ArraySlice<UInt8>, to ids: inout [Int32]) {
    let isPrefixed = isPieceStart && vocabulary.addsPrefixSpace && text.first != UInt8(ascii: " ")
    let piece = isPrefixed ? [UInt8(ascii: " ")] + text : text
    isPieceStart = false
    let bytes = piece.span
    var start = 0
    while start < bytes.count {
      let end = vocabulary.pattern.end(ofPreTokenAt: start, in: bytes)
      encodePreToken(start..<end, of: bytes, to: &ids)
      start = end
    }
  }

  private mutating func encodePreToken(_ range: Range<Int>, of text: Span<UInt8>, to ids: inout [Int32]) {
    let key = MergeCache.key(range, of: text)
    if let key, cache?.append(key, to: &ids) == true { return }
    let start = ids.count
    if let id = vocabulary.wholeID(range, of: text) {
      ids.append(id)
    } else {
      merger.merge(range, of: text, byteIDs: vocabulary.byteIDs, by: vocabulary.merges, to: &ids)
    }
    if let key { cache?.insert(key, ids[start...]) }
  }
}
