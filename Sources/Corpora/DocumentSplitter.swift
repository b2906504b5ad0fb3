/// Splits a text that arrives in blocks into documents, by any rule but JSON lines.
///
/// What may belong to a separator is held back until more bytes decide. It is short, except for a line of blanks.
struct DocumentSplitter {
  private let rule: DocumentRule
  private let separator: [UInt8]
  /// Bytes that come next in the document if it goes on.
  private var held: [UInt8] = []
  /// Whether the document has bytes already.
  private var isOpen = false
  /// Whether the line has had only blanks so far.
  private var isLineBlank = true
  private var count = 0

  /// Starts a text.
  ///
  /// - Precondition: The rule is not that of JSON lines.
  init(_ rule: DocumentRule) {
    if case .jsonLines = rule { preconditionFailure("document splitter: JSON lines are no separators") }
    self.rule = rule
    separator = if case .separator(let text) = rule { Array(text.utf8) } else { [] }
  }

  /// Adds the next block.
  ///
  /// - Parameters:
  ///   - block: Any number of bytes.
  ///   - body: As in `Documents.forEachPiece`.
  /// - Throws: What the body throws.
  mutating func append(_ block: Span<UInt8>, _ body: (Span<UInt8>, Bool) throws -> Void) rethrows {
    switch rule {
    case .line: try appendLines(block, body)
    case .blankLine: try appendParagraphs(block, body)
    case .separator: try appendParts(block, body)
    case .file, .jsonLines: try pass(block, body)
    }
  }

  /// Ends the text.
  ///
  /// - Parameter body: As in `append`.
  /// - Returns: The number of documents.
  /// - Throws: What the body throws.
  mutating func finish(_ body: (Span<UInt8>, Bool) throws -> Void) rethrows -> Int {
    // At the end, a carriage return is a line end, but the beginning of a separator is text.
    if !separator.isEmpty { try passHeld(body) }
    try end(body)
    return count
  }

  private mutating func pass(_ bytes: Span<UInt8>, _ body: (Span<UInt8>, Bool) throws -> Void) rethrows {
    guard !bytes.isEmpty else { return }
    isOpen = true
    try body(bytes, false)
  }

  private mutating func passHeld(_ body: (Span<UInt8>, Bool) throws -> Void) rethrows {
    let bytes = held
    held.removeAll(keepingCapacity: true)
    try pass(bytes.span, body)
  }

  private mutating func end(_ body: (Span<UInt8>, Bool) throws -> Void) rethrows {
    held.removeAll(keepingCapacity: true)
    guard isOpen else { return }
    isOpen = false
    count += 1
    try body(Span(), true)
  }

  /// Lines, each without its line end.
  private mutating func appendLines(_ block: Span<UInt8>, _ body: (Span<UInt8>, Bool) throws -> Void) rethrows {
    var start = 0
    for index in block.indices where block[index] == UInt8(ascii: "\n") {
      try passLine(block.extracting(start..<index), body)
      try end(body)
      start = index + 1
    }
    try passLine(block.extracting(start..<block.count), body)
  }

  /// Passes a part of a line and holds back a carriage return at its end, in case a newline follows.
  private mutating func passLine(_ part: Span<UInt8>, _ body: (Span<UInt8>, Bool) throws -> Void) rethrows {
    guard !part.isEmpty else { return }
    try passHeld(body)
    let endsInReturn = part[part.count - 1] == UInt8(ascii: "\r")
    try pass(part.extracting(0..<part.count - (endsInReturn ? 1 : 0)), body)
    if endsInReturn { held.append(UInt8(ascii: "\r")) }
  }

  /// Runs of lines that are not blank, each without its last line end.
  private mutating func appendParagraphs(_ block: Span<UInt8>, _ body: (Span<UInt8>, Bool) throws -> Void) rethrows {
    var index = 0
    while index < block.count {
      if isLineBlank {
        let byte = block[index]
        if byte == UInt8(ascii: "\n") {
          try end(body)
          index += 1
        } else if isBlankByte(byte) {
          held.append(byte)
          index += 1
        } else {
          isLineBlank = false
        }
        continue
      }
      var lineEnd = index
      while lineEnd < block.count, block[lineEnd] != UInt8(ascii: "\n") { lineEnd += 1 }
      try passLine(block.extracting(index..<lineEnd), body)
      index = lineEnd
      guard index < block.count else { return }
      held.append(UInt8(ascii: "\n"))
      isLineBlank = true
      index += 1
    }
  }

  /// What lies between separators, which do not overlap.
  private mutating func appendParts(_ block: Span<UInt8>, _ body: (Span<UInt8>, Bool) throws -> Void) rethrows {
    var bytes = held
    for index in block.indices { bytes.append(block[index]) }
    held.removeAll(keepingCapacity: true)
    var (start, index) = (0, 0)
    while index + separator.count <= bytes.count {
      if bytes[index] == separator[0], bytes[index...].starts(with: separator) {
        try pass(bytes.span.extracting(start..<index), body)
        try end(body)
        index += separator.count
        start = index
      } else {
        index += 1
      }
    }
    try pass(bytes.span.extracting(start..<index), body)
    held = Array(bytes[index...])
  }
}

/// Whether a byte is a space, a tab or a carriage return.
func isBlankByte(_ byte: UInt8) -> Bool {
  byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
}
