internal import Files

/// The documents of a text, passed on as its blocks are read.
///
/// Memory is bounded: only JSON objects are kept whole, and what may be a separator.
package struct Documents {
  private let reader: TextReader
  private let rule: DocumentRule

  /// Describes the documents; reads nothing yet.
  ///
  /// - Parameters:
  ///   - reader: A text of which nothing was read yet.
  ///   - rule: Where a document ends.
  package init(_ reader: TextReader, rule: DocumentRule) {
    self.reader = reader
    self.rule = rule
  }

  /// Passes each document to a closure in pieces, in the order of the text.
  ///
  /// - Parameters:
  ///   - badRecord: Called with the error of each line that is not an object with the field. It may throw the error;
  ///     otherwise the line is skipped.
  ///   - body: Receives the next bytes of a document, and whether it ends with them. A document has at least one byte;
  ///     its last piece may be empty.
  /// - Returns: The number of documents.
  /// - Throws: The errors of `TextReader`, and what the closures throw.
  @discardableResult
  package func forEachPiece(
    badRecord: (CorpusError) throws -> Void = { throw $0 }, _ body: (Span<UInt8>, Bool) throws -> Void
  ) throws -> Int {
    if case .jsonLines(let field) = rule { return try forEachRecord(field, badRecord, body) }
    var splitter = DocumentSplitter(rule)
    while let block = try reader.next() { try splitter.append(block.span, body) }
    return try splitter.finish(body)
  }

  private func forEachRecord(
    _ field: String, _ badRecord: (CorpusError) throws -> Void, _ body: (Span<UInt8>, Bool) throws -> Void
  ) throws -> Int {
    var count = 0
    try reader.forEachRecord { record, line in
      let text: [UInt8]
      do throws(CorpusError) {
        text = try jsonText(record, field: field, path: reader.source.name, line: line)
      } catch {
        try badRecord(error)
        return
      }
      guard !text.isEmpty else { return }
      count += 1
      try body(text.span, true)
    }
    return count
  }
}
