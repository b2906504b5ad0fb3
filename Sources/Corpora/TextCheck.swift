/// Checks that blocks of bytes are text, one after the other: no zero bytes, valid UTF-8 throughout.
struct TextCheck {
  /// The path to name in errors.
  let path: String
  /// Bytes and lines before the next block.
  private var offset = 0
  private var line = 1

  init(path: String) { self.path = path }

  /// Leaves out bytes in front of the next block that belong to the file and not to the text.
  mutating func skip(_ byteCount: Int) { offset += byteCount }

  /// Checks the next block.
  ///
  /// - Parameters:
  ///   - block: The bytes after those that were accepted before.
  ///   - isLast: Whether nothing follows.
  /// - Returns: How many of the bytes are accepted: all but a character that the block cuts.
  /// - Throws: `CorpusError.binaryText` or `.invalidText`, which name the first violation.
  mutating func accept(_ block: Span<UInt8>, isLast: Bool) throws(CorpusError) -> Int {
    var newlines = 0
    for index in block.indices {
      if block[index] == 0 { throw .binaryText(path: path, offset: offset + index, line: line + newlines) }
      if block[index] == UInt8(ascii: "\n") { newlines += 1 }
    }
    let count = try wholeCharacters(in: block, isLast: isLast)
    // A newline is never part of a character that is cut.
    (offset, line) = (offset + count, line + newlines)
    return count
  }

  private func wholeCharacters(in block: Span<UInt8>, isLast: Bool) throws(CorpusError) -> Int {
    do {
      _ = try UTF8Span(validating: block)
      return block.count
    } catch {
      let start = error.byteOffsets.lowerBound
      let isCut = error.kind == .truncatedScalar && error.byteOffsets.upperBound == block.count
      if isCut && !isLast { return start }
      var line = line
      for index in 0..<start where block[index] == UInt8(ascii: "\n") { line += 1 }
      throw .invalidText(path: path, offset: offset + start, line: line)
    }
  }
}
