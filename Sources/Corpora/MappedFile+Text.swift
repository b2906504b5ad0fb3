package import Files

extension MappedFile {
  /// Checks that the file is text: not empty, no zero bytes, valid UTF-8 throughout.
  ///
  /// Reads the whole file, block by block.
  ///
  /// - Throws: `FileError.unexpectedKind` for a file of another kind; `CorpusError.emptyText`, `.binaryText` or
  ///   `.invalidText`, which name the first violation.
  package func checkText() throws {
    try FileRole.text.check(self)
    guard byteCount > 0 else { throw CorpusError.emptyText(path: path) }
    let blockByteCount = 1 << 20
    var start = 0
    while start < byteCount {
      let end = min(byteCount, start + blockByteCount)
      let offence = withSpan(start..<end) { $0.firstOffence(isFinal: end == byteCount) }
      switch offence {
      case .zeroByte(let index):
        throw CorpusError.binaryText(path: path, offset: start + index, line: line(at: start + index))
      case .invalidUTF8(let index):
        throw CorpusError.invalidText(path: path, offset: start + index, line: line(at: start + index))
      case .cutCharacter(let index): start += index
      case nil: start = end
      }
    }
  }

  private func line(at offset: Int) -> Int {
    withSpan(0..<offset) { bytes in
      var line = 1
      for index in bytes.indices where bytes[index] == UInt8(ascii: "\n") { line += 1 }
      return line
    }
  }
}

/// What makes a block of bytes invalid as text, and where.
private enum Offence {
  case zeroByte(Int)
  case invalidUTF8(Int)
  /// A character that continues in the next block.
  case cutCharacter(Int)
}

extension Span where Element == UInt8 {
  fileprivate func firstOffence(isFinal: Bool) -> Offence? {
    for index in indices where self[index] == 0 { return .zeroByte(index) }
    do {
      _ = try UTF8Span(validating: self)
      return nil
    } catch {
      let start = error.byteOffsets.lowerBound
      let isCut = error.kind == .truncatedScalar && error.byteOffsets.upperBound == count && start > 0
      return isCut && !isFinal ? .cutCharacter(start) : .invalidUTF8(start)
    }
  }
}
