/// Splits a text that arrives in pieces into segments, in bounded memory.
///
/// A segment ends after a newline. If the first `byteLimit` bytes of a line have no newline, the line is split before
/// the last space in them. Without a space, it is split between two of their last characters. So the segments depend
/// only on the text.
struct TextSegments {
  /// Where a line that is too long may be split.
  enum Cut {
    /// Before a space or, without one, at the last boundary between characters.
    case beforeSpace
    /// The same, but without a space between two letters or marks that normalisation does not join.
    case beforeSpaceOrInWord
    /// Between two such letters or marks, because spaces at the ends of a segment would be lost.
    case inWord
  }

  /// The start of the last segment, in bytes from the start of the text.
  private(set) var offset = 0
  /// The line of the last segment, from 1.
  private(set) var line = 1

  private let byteLimit: Int
  private let cut: Cut
  private var pending: [UInt8] = []
  private var start = 0
  // There is no newline in pending[start..<searched].
  private var searched = 0
  private var nextOffset = 0
  private var nextLine = 1

  /// - Parameters:
  ///   - byteLimit: The longest segment, ≥ 4.
  ///   - cut: Where a longer line is split.
  init(byteLimit: Int, cut: Cut = .beforeSpace) {
    precondition(byteLimit >= 4, "text segments: at most \(byteLimit) bytes cannot hold every character")
    self.byteLimit = byteLimit
    self.cut = cut
  }

  /// Whether nothing is left.
  var isEmpty: Bool { start == pending.count }

  /// Adds the next bytes; callers take all segments before they append again.
  mutating func append(_ bytes: Span<UInt8>) {
    pending.removeFirst(start)
    searched -= start
    start = 0
    unsafe bytes.withUnsafeBufferPointer { unsafe pending.append(contentsOf: $0) }
  }

  /// The next segment; nil if it needs more bytes or nothing is left.
  ///
  /// - Parameter isFinal: Whether the text ends with the bytes appended so far.
  /// - Returns: The bytes; the properties give their line and offset.
  mutating func next(isFinal: Bool) -> ArraySlice<UInt8>? {
    guard let end = nextEnd(isFinal: isFinal) else { return nil }
    let segment = pending[start..<end]
    (offset, line) = (nextOffset, nextLine)
    nextOffset += segment.count
    if segment.last == UInt8(ascii: "\n") { nextLine += 1 }
    start = end
    searched = end
    return segment
  }

  private mutating func nextEnd(isFinal: Bool) -> Int? {
    let window = pending[start...].prefix(byteLimit)
    if let newline = window[min(searched, window.endIndex)...].firstIndex(of: UInt8(ascii: "\n")) { return newline + 1 }
    searched = window.endIndex
    guard window.count == byteLimit else { return isFinal && !window.isEmpty ? window.endIndex : nil }
    if cut != .inWord, let space = window.lastIndex(of: UInt8(ascii: " ")), space > start { return space }
    let border = window.endIndex - incompleteCharacterByteCount(window)
    return cut == .beforeSpace ? border : lastWordBorder(in: window[..<border]) ?? border
  }
}

/// The last position near the end between two characters that no normalisation joins or drops, if there is one.
private func lastWordBorder(in text: ArraySlice<UInt8>) -> Int? {
  // Runs of spaces or marks are rarely longer.
  let tail = text.suffix(4096)
  var end = tail.endIndex
  var isNextPlain = false
  for character in String(decoding: tail, as: UTF8.self).unicodeScalars.reversed() {
    if isNextPlain && character.isPlain { return end }
    isNextPlain = character.isPlain
    end -= UTF8.width(character)
    guard end > tail.startIndex else { break }
  }
  return nil
}

extension Unicode.Scalar {
  /// Whether this is a letter, a digit or a mark that is not part of a composed character.
  fileprivate var isPlain: Bool {
    // Hangul syllables are composed of letters; the rest of ASCII is spaces and control characters.
    if isASCII { return value > 0x20 && value < 0x7F }
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .otherLetter, .decimalNumber, .otherNumber,
      .dashPunctuation, .openPunctuation, .closePunctuation, .otherPunctuation, .mathSymbol, .currencySymbol:
      return !(0x1100...0x11FF).contains(value) && !(0xA960...0xD7FB).contains(value)
    default: return false
    }
  }
}

extension Span where Element == UInt8 {
  /// Passes the bytes to a closure in blocks of bounded size.
  func forEachBlock<Failure: Error>(_ body: (Span<UInt8>) throws(Failure) -> Void) throws(Failure) {
    let blockByteCount = 1 << 16
    var start = 0
    while start < count {
      let end = Swift.min(count, start + blockByteCount)
      try body(extracting(start..<end))
      start = end
    }
  }
}
