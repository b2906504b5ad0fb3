/// Counts runs of bytes other than spaces, tabs and newlines, as `wc -w` does.
struct WordCounter {
  private(set) var count = 0
  private var isInside = false

  /// Ends a word; what follows is another text.
  mutating func endText() { isInside = false }

  mutating func append(_ bytes: Span<UInt8>) {
    for index in bytes.indices {
      let isSpace = bytes[index] == 0x20 || (bytes[index] >= 0x09 && bytes[index] <= 0x0D)
      if !isSpace && !isInside { count += 1 }
      isInside = !isSpace
    }
  }
}
