/// Cuts a text that arrives in pieces into segments, in bounded memory.
///
/// A segment ends after a newline. A line of which the first `byteLimit` bytes have no newline is cut before the last
/// space in them or, without a space, at the last border between characters. So the segments depend on the text alone.
struct TextSegments {
  /// Where the last segment began, in bytes from the start of the text.
  private(set) var offset = 0
  /// The line that the last segment belongs to, from 1.
  private(set) var line = 1

  private let byteLimit: Int
  private var pending: [UInt8] = []
  private var start = 0
  // There is no newline in pending[start..<searched].
  private var searched = 0
  private var nextOffset = 0
  private var nextLine = 1

  /// - Parameter byteLimit: The longest segment, ≥ 4.
  init(byteLimit: Int) {
    precondition(byteLimit >= 4, "text segments: at most \(byteLimit) bytes cannot hold every character")
    self.byteLimit = byteLimit
  }

  /// Takes the next bytes; callers take out all segments before they append again.
  mutating func append(_ bytes: Span<UInt8>) {
    pending.removeFirst(start)
    searched -= start
    start = 0
    unsafe bytes.withUnsafeBufferPointer { unsafe pending.append(contentsOf: $0) }
  }

  /// The next segment, or nil if that takes more bytes or nothing is left.
  ///
  /// - Parameter isFinal: Whether the text ends with the bytes appended so far.
  /// - Returns: Bytes with the line and offset that the properties tell.
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
    if let space = window.lastIndex(of: UInt8(ascii: " ")), space > start { return space }
    return window.endIndex - incompleteCharacterByteCount(window)
  }
}

extension Span where Element == UInt8 {
  /// Lends the bytes in blocks of bounded size.
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
