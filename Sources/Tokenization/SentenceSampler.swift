/// Splits text into the sentences that SentencePiece trains on, and keeps a bounded sample of them.
///
/// A sentence is a line with its newline, or a block of whole lines. A longer line is split before a space or, without
/// one, between two characters. In text without spaces, about one pair of neighbours in a thousand is then lost. If the
/// text exceeds the limit, each block is kept or dropped by its own random number. So the choice depends only on the
/// text and the seed.
struct SentenceSampler {
  private(set) var seenByteCount = 0
  var keptByteCount: Int { text.count + block.count }

  private let byteLimit: Int
  private let joinsLines: Bool
  private let seed: UInt64
  private var segments = TextSegments(byteLimit: blockByteLimit)
  private var text: [UInt8] = []
  private var ends: [Int] = []
  private var keys: [UInt64] = []
  private var block: [UInt8] = []
  private var blockCount: UInt64 = 0
  private var largestKey = UInt64.max

  // By default SentencePiece drops sentences longer than 4,192 bytes, and its unigram trainer is made for sentences.
  // Its BPE trainer crashes if more than 32,769 characters have no space between them (bpe_model_trainer.h: EncodePos).
  // From this many bytes, normalisation makes at most 24,000 characters. A piece of a word vocabulary must not exceed
  // the limit of ModelDescription.
  private static let blockByteLimit = 4000

  init(byteLimit: Int, joinsLines: Bool, seed: UInt64) {
    self.byteLimit = byteLimit
    self.joinsLines = joinsLines
    self.seed = seed
  }

  /// Adds the next bytes of a document, and ends it if they are its last.
  mutating func append(_ bytes: Span<UInt8>, isEnd: Bool, source: String) throws(TokenizerError) {
    try bytes.forEachBlock { (block) throws(TokenizerError) in
      segments.append(block)
      try takeSegments(isFinal: false, source: source)
    }
    seenByteCount += bytes.count
    guard isEnd else { return }
    try takeSegments(isFinal: true, source: source)
    finishBlock()
    segments = TextSegments(byteLimit: Self.blockByteLimit)
  }

  /// The kept sentences: their text, and where each ends in it.
  func sentences() -> (text: [UInt8], ends: [Int]) { (text, ends) }

  private mutating func takeSegments(isFinal: Bool, source: String) throws(TokenizerError) {
    while let segment = segments.next(isFinal: isFinal) {
      if let broken = firstInvalidUTF8(segment.span) {
        throw .invalidText(source: source, offset: segments.offset + broken.lowerBound, line: segments.line)
      }
      append(segment)
    }
  }

  private mutating func append(_ segment: ArraySlice<UInt8>) {
    if !joinsLines || block.count + segment.count > Self.blockByteLimit { finishBlock() }
    var rest = segment
    while let index = reservedCharacterIndex(in: rest) {
      block.append(contentsOf: rest[..<index])
      finishBlock()
      rest = rest[(index + spaceSymbol.count)...]
    }
    block.append(contentsOf: rest)
  }

  private mutating func finishBlock() {
    guard !block.isEmpty else { return }
    let key = splitMix64(seed ^ splitMix64(blockCount))
    blockCount += 1
    if key <= largestKey {
      text.append(contentsOf: block)
      ends.append(text.count)
      keys.append(key)
    }
    block.removeAll(keepingCapacity: true)
    while text.count > byteLimit { dropSome() }
  }

  private mutating func dropSome() {
    largestKey -= largestKey / 8
    var (keptText, keptEnds, keptKeys): ([UInt8], [Int], [UInt64]) = ([], [], [])
    for (index, key) in keys.enumerated() where key <= largestKey {
      keptText.append(contentsOf: text[(index == 0 ? 0 : ends[index - 1])..<ends[index]])
      keptEnds.append(keptText.count)
      keptKeys.append(key)
    }
    (text, ends, keys) = (keptText, keptEnds, keptKeys)
  }
}

/// The position of the first U+2581 or U+2585. SentencePiece treats U+2581 as a space and drops sentences with U+2585.
private func reservedCharacterIndex(in text: ArraySlice<UInt8>) -> Int? {
  var rest = text
  while let lead = rest.firstIndex(of: 0xE2) {
    if rest[lead...].starts(with: spaceSymbol) || rest[lead...].starts(with: [0xE2, 0x96, 0x85]) { return lead }
    rest = rest[(lead + 1)...]
  }
  return nil
}

/// A bijection of 64-bit numbers whose output shows no pattern.
///
/// Source: SplitMix64 (Steele, Lea, Flood 2014), with its increment.
private func splitMix64(_ number: UInt64) -> UInt64 {
  var z = number &+ 0x9E37_79B9_7F4A_7C15
  z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
  return z ^ z >> 31
}
