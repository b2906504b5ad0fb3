/// Cuts a text that arrives in pieces where byte-level BPE never joins both sides, in bounded memory.
///
/// A text can be cut before a space, tab or line end of ASCII that follows another character: pre-tokens end there,
/// and so does normalisation. Without such a place, it is cut after `byteLimit` bytes between two characters. So the ids
/// depend on the text alone.
struct TextCuts {
  /// An added token with such a place inside: the ASCII characters around it.
  struct Crossing {
    let before: [UInt8]
    let after: [UInt8]
  }

  /// The start of the last segment, in bytes from the start of the text.
  private(set) var offset = 0
  /// The line of the start of the last segment, from 1.
  private(set) var line = 1

  /// The longest text without a place to cut.
  static let byteLimit = 1 << 20

  private let crossings: [Crossing]
  /// Whether line ends belong to the punctuation before them.
  private let joinsLineEnds: Bool
  private let byteLimit: Int
  /// The bytes that decide about a place and may not have arrived.
  private let lookahead: Int
  private var pending: [UInt8] = []
  /// The last segment ends here.
  private var start = 0
  /// The last place to cut.
  private var cut = 0
  /// No later place is before this.
  private var searched = 0
  private var nextOffset = 0
  private var nextLine = 1

  init(_ vocabulary: ByteLevelVocabulary, byteLimit: Int = Self.byteLimit) {
    crossings = vocabulary.crossings
    joinsLineEnds = vocabulary.pattern != .spaceBeforeWord
    lookahead = (crossings.map(\.after.count).max() ?? 1) - 1
    self.byteLimit = byteLimit
  }

  /// Adds the next bytes; callers take all segments before they append again.
  mutating func append(_ bytes: Span<UInt8>) {
    pending.removeFirst(start)
    cut -= start
    searched -= start
    start = 0
    unsafe bytes.withUnsafeBufferPointer { unsafe pending.append(contentsOf: $0) }
  }

  /// The next segment; nil if it needs more bytes or nothing is left.
  ///
  /// - Parameter isFinal: Whether the text ends with the bytes appended so far.
  /// - Returns: The bytes; the properties give their line and offset.
  mutating func next(isFinal: Bool) -> ArraySlice<UInt8>? {
    guard start < pending.count else { return nil }
    let isForced = search(isFinal: isFinal)
    let end = isFinal && !isForced ? pending.count : cut
    guard end > start else { return nil }
    let segment = pending[start..<end]
    (offset, line) = (nextOffset, nextLine)
    nextOffset += segment.count
    nextLine += segment.count { $0 == UInt8(ascii: "\n") }
    (start, cut, searched) = (end, end, max(searched, end))
    return segment
  }

  /// Moves `cut` to the last place; returns whether it stopped at one that the limit forces.
  private mutating func search(isFinal: Bool) -> Bool {
    let end = isFinal ? pending.count : pending.count - lookahead
    while searched < end {
      if searched > start, isPlace(searched) {
        cut = searched
      } else if searched - cut >= byteLimit {
        cut = searched - incompleteCharacterByteCount(pending[cut..<searched])
        return true
      }
      searched += 1
    }
    return false
  }

  private func isPlace(_ index: Int) -> Bool {
    let byte = pending[index]
    guard byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte) else { return false }
    let previous = previousClass(index)
    let isLineEnd = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    guard previous != .space, !isLineEnd || !joinsLineEnds || previous != .other else { return false }
    return !crossings.contains { crossing in
      pending[start..<index].reversed().starts(with: crossing.before.reversed())
        && pending[index...].starts(with: crossing.after)
    }
  }

  /// The class of the character before an index; bytes that are not UTF-8 count as other.
  private func previousClass(_ index: Int) -> CharacterClass {
    if pending[index - 1] < 0x80 { return CharacterClass(Unicode.Scalar(pending[index - 1])) }
    return String(decoding: pending[max(start, index - 4)..<index], as: UTF8.self).unicodeScalars.last
      .map(CharacterClass.init) ?? .other
  }

  /// The places inside an added token.
  static func crossings(of token: [UInt8]) -> [Crossing] {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    return token.indices.dropFirst().filter { isSpace(token[$0]) && !isSpace(token[$0 - 1]) }.map { index in
      // Beyond ASCII, the text may be written in another normalization form.
      Crossing(
        before: Array(token[..<index].reversed().prefix { $0 < 0x80 }.reversed()),
        after: Array(token[index...].prefix { $0 < 0x80 }))
    }
  }
}
