package import Files

/// Iterates over the documents of a text file without copying the file into memory.
package struct Documents {
  private let file: MappedFile
  private let rule: DocumentRule

  /// Describes the documents; reads nothing yet.
  ///
  /// - Parameters:
  ///   - file: Any bytes; see `MappedFile.checkText`.
  ///   - rule: Where a document ends.
  package init(_ file: MappedFile, rule: DocumentRule) {
    self.file = file
    self.rule = rule
  }

  /// Passes each document to a closure, in the order of the file.
  ///
  /// - Parameter body: Receives the bytes of a document, never empty, and how many bytes of the file have been
  ///   processed.
  /// - Throws: `CorpusError.noDocuments`, `.invalidRecord`, and what `body` throws.
  package func forEach(_ body: (Span<UInt8>, Int) throws -> Void) throws {
    var isEmpty = true
    try file.withSpan { bytes in
      try bytes.forEachRange(by: rule) { range, line in
        if case .jsonLines(let field) = rule {
          let text = try jsonText(bytes.extracting(range), field: field, path: file.path, line: line)
          guard !text.isEmpty else { return }
          isEmpty = false
          try body(text.span, range.upperBound)
        } else {
          isEmpty = false
          try body(bytes.extracting(range), range.upperBound)
        }
      }
    }
    if isEmpty { throw CorpusError.noDocuments(path: file.path) }
  }
}

extension Documents {
  var path: String { file.path }

  /// Passes each line that is not blank to a closure, with its number and how many bytes have been processed.
  func forEachRecord(_ body: (Span<UInt8>, _ line: Int, _ done: Int) throws -> Void) throws {
    var isEmpty = true
    try file.withSpan { bytes in
      try bytes.forEachRecord { range, line in
        isEmpty = false
        try body(bytes.extracting(range), line, range.upperBound)
      }
    }
    if isEmpty { throw CorpusError.noDocuments(path: file.path) }
  }
}

extension Span where Element == UInt8 {
  /// The bytes as an array.
  var copied: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    for index in indices { bytes.append(self[index]) }
    return bytes
  }

  /// Reports the range of each document or JSON object that is not empty, with its line number where each line is one.
  fileprivate func forEachRange(by rule: DocumentRule, _ body: (Range<Int>, Int) throws -> Void) rethrows {
    switch rule {
    case .file: if !isEmpty { try body(0..<count, 1) }
    case .line: try forEachLine { range, line in if !range.isEmpty { try body(range, line) } }
    case .blankLine: try forEachParagraph { range in if !range.isEmpty { try body(range, 1) } }
    case .separator(let separator):
      try forEachPart(between: Array(separator.utf8)) { range in if !range.isEmpty { try body(range, 1) } }
    case .jsonLines: try forEachRecord(body)
    }
  }

  /// Reports each line that is not blank, and its number.
  fileprivate func forEachRecord(_ body: (Range<Int>, Int) throws -> Void) rethrows {
    try forEachLine { range, line in if !extracting(range).isBlank { try body(range, line) } }
  }

  /// Whether there are only spaces, tabs and carriage returns.
  fileprivate var isBlank: Bool {
    for index in indices where ![UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r")].contains(self[index]) {
      return false
    }
    return true
  }

  /// Reports each line without its line end, LF or CR LF, and its number from 1.
  fileprivate func forEachLine(_ body: (Range<Int>, Int) throws -> Void) rethrows {
    var start = 0
    var number = 1
    for index in indices where self[index] == UInt8(ascii: "\n") {
      try body(withoutCarriageReturn(start..<index), number)
      start = index + 1
      number += 1
    }
    if start < count { try body(withoutCarriageReturn(start..<count), number) }
  }

  private func withoutCarriageReturn(_ line: Range<Int>) -> Range<Int> {
    guard let last = line.last, self[last] == UInt8(ascii: "\r") else { return line }
    return line.dropLast()
  }

  /// Reports each run of lines that are not blank, without its last line end.
  fileprivate func forEachParagraph(_ body: (Range<Int>) throws -> Void) rethrows {
    var paragraph = 0..<0
    try forEachLine { line, _ in
      if extracting(line).isBlank {
        try body(paragraph)
        paragraph = 0..<0
      } else {
        paragraph = (paragraph.isEmpty ? line.lowerBound : paragraph.lowerBound)..<line.upperBound
      }
    }
    try body(paragraph)
  }

  /// Reports the parts between occurrences of a separator; the occurrences do not overlap.
  fileprivate func forEachPart(between separator: [UInt8], _ body: (Range<Int>) throws -> Void) rethrows {
    var start = 0
    var index = 0
    while index + separator.count <= count {
      if matches(separator, at: index) {
        try body(start..<index)
        index += separator.count
        start = index
      } else {
        index += 1
      }
    }
    try body(start..<count)
  }

  private func matches(_ text: [UInt8], at start: Int) -> Bool {
    for index in text.indices where self[start + index] != text[index] { return false }
    return true
  }
}
