package import Files

/// Reads a text in blocks: decompressed, without a byte-order mark at its start, and checked on the way.
///
/// Offsets and lines in errors count the decompressed text.
package final class TextReader {
  /// Where the bytes come from; it tells how much was read.
  package let source: ByteSource

  private let isChecked: Bool
  private let mayBeEmpty: Bool
  private var check: TextCheck
  private var hasBegun = false
  private var isEmpty = true
  /// A character that the last block has cut.
  private var cut: [UInt8] = []

  // U+FEFF in UTF-8.
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  /// Starts at the beginning of a source.
  ///
  /// - Parameters:
  ///   - source: A source of which at most the beginning was looked at.
  ///   - isChecked: Whether the text must be UTF-8 without zero bytes.
  ///   - mayBeEmpty: Whether a text without bytes is accepted.
  package init(_ source: ByteSource, isChecked: Bool = true, mayBeEmpty: Bool = false) {
    self.source = source
    self.isChecked = isChecked
    self.mayBeEmpty = mayBeEmpty
    check = TextCheck(path: source.name)
  }

  /// The next bytes, not empty; nil at the end. If the text is checked, they are whole characters.
  ///
  /// - Throws: `FileError`, also for a file of another kind; `CorpusError.emptyText`, `.binaryText` or `.invalidText`.
  package func next() throws -> [UInt8]? {
    let block = hasBegun ? try source.next() : try first()
    if let block { isEmpty = isEmpty && block.isEmpty }
    if block == nil, isEmpty, !mayBeEmpty { throw CorpusError.emptyText(path: source.name) }
    guard isChecked else { return block }
    guard var bytes = block.map({ cut + $0 }) else {
      let rest = cut
      _ = try check.accept(rest.span, isLast: true)
      return nil
    }
    let count = try check.accept(bytes.span, isLast: false)
    cut = Array(bytes[count...])
    bytes.removeLast(bytes.count - count)
    return bytes.isEmpty ? try next() : bytes
  }

  /// The first block, without a byte-order mark; nil if nothing is left.
  private func first() throws -> [UInt8]? {
    hasBegun = true
    try FileRole.text.check(source, waits: true)
    guard try source.beginning(byteCount: Self.byteOrderMark.count) == Self.byteOrderMark else {
      return try source.next()
    }
    check.skip(Self.byteOrderMark.count)
    let rest = try source.next()?.dropFirst(Self.byteOrderMark.count) ?? []
    return rest.isEmpty ? try source.next() : Array(rest)
  }
}
