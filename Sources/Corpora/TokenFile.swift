package import Files

/// An open token file, with the ids, which of them are scored, and for each document its end and the length of its text.
///
/// It is read by system calls, not mapped. If the file is shortened during a training run, the read throws an error,
/// and the run can still save its last step. Opening checks everything except the ids, which are checked when they are
/// copied. See docs/TOKENS.md.
package struct TokenFile: Sendable {
  /// Vocabulary size, EOS id and tokenizer digest.
  package let header: TokenFileHeader
  /// How many ids there are, including those that end documents.
  package let count: Int
  /// How many documents there are.
  package let documentCount: Int
  /// The bytes of text in all documents.
  package let totalBytes: Int
  /// The digest of the ids as stored.
  package let dataDigest: SHA256Digest
  /// The path as it was given.
  package var path: String { file.path }

  let file: RandomAccessFile
  /// Where the ids are in the file, without the padding after them.
  var idBytes: Range<Int> { TokenFileHeader.byteCount..<TokenFileHeader.byteCount + count * header.idByteCount }
  private var endsOffset: Int { (idBytes.upperBound + 7) / 8 * 8 }
  private var bytesOffset: Int { endsOffset + documentCount * 8 }
  /// Where the positions are at which scoring ends or begins again.
  var flipsOffset: Int { endsOffset + documentCount * 16 }
  let flipCount: Int

  /// Opens and checks a file.
  ///
  /// - Parameter path: A token file; its content is not trusted.
  /// - Throws: `FileError`, also for another kind of file, or `CorpusError.invalidTokenFile`.
  package init(path: String) throws {
    try FileRole.tokenFile.check(path)
    try self.init(RandomAccessFile(path: path))
  }

  /// Checks a file that is already mapped.
  ///
  /// - Parameter file: A token file; its content is not trusted.
  /// - Throws: `FileError` for another kind of file, or `CorpusError.invalidTokenFile`.
  package init(_ file: MappedFile) throws {
    try FileRole.tokenFile.check(file)
    try self.init(RandomAccessFile(file))
  }

  private init(_ file: RandomAccessFile) throws {
    self.file = file
    header = try TokenFileHeader(of: file)
    let trailer = try TokenFileTrailer(of: file, header: header)
    count = trailer.count
    documentCount = trailer.documentCount
    dataDigest = trailer.dataDigest
    flipCount = trailer.flipCount
    let tables = TokenFileHeader.byteCount + (count * header.idByteCount + 7) / 8 * 8
    totalBytes = try Self.checkTables(of: file, at: tables, count: count, documentCount: documentCount)
    try Self.checkFlips(of: file, at: tables + documentCount * 16, flipCount: flipCount, count: count)
  }

  /// Whether a file starts with the magic bytes of a token file.
  package static func isTokenFile(_ file: MappedFile) -> Bool {
    let magic = TokenFileHeader.magic
    return file.byteCount >= magic.count && file.copyBytes(0..<magic.count) == magic
  }

  /// Copies consecutive ids.
  ///
  /// - Parameters:
  ///   - start: The position of the first id.
  ///   - ids: The destination.
  ///   - range: The part of `ids` that is filled; nil means all.
  /// - Throws: `CorpusError.idOutsideVocabulary`, and `FileError` for a file that can no longer be read.
  /// - Precondition: The positions lie within the file, and the range within `ids`.
  package func copyIDs(
    from start: Int, into ids: inout MutableSpan<Int32>, at range: Range<Int>? = nil
  ) throws {
    let range = range ?? 0..<ids.count
    precondition(
      start >= 0 && range.count <= count && start <= count - range.count,
      "\(path): ids \(start)..<\(start + range.count) outside 0..<\(count)")
    let width = header.idByteCount
    var largest: UInt32 = 0
    for part in stride(from: 0, to: range.count, by: Self.pieceLength) {
      let count = min(Self.pieceLength, range.count - part)
      let first = TokenFileHeader.byteCount + (start + part) * width
      try file.withSpan(first..<first + count * width) { bytes in
        for index in 0..<count {
          let id =
            width == 2
            ? UInt32(bytes.number(at: index * 2, as: UInt16.self)) : bytes.number(at: index * 4, as: UInt32.self)
          largest = max(largest, id)
          ids[range.lowerBound + part + index] = Int32(bitPattern: id)
        }
      }
    }
    guard largest < header.vocabularySize else {
      var index = range.lowerBound
      while UInt32(bitPattern: ids[index]) != largest { index += 1 }
      throw CorpusError.idOutsideVocabulary(
        path: path, position: start + index - range.lowerBound, id: Int(largest),
        vocabularySize: header.vocabularySize)
    }
  }

  /// The positions of a document's ids, including EOS.
  ///
  /// - Parameter index: The index of a document, from 0.
  /// - Returns: Positions in the file; documents follow each other without a gap.
  /// - Throws: `FileError`; `CorpusError.invalidTokenFile` for a table that was changed since the file was opened.
  /// - Precondition: The document exists.
  package func documentRange(_ index: Int) throws -> Range<Int> {
    checkDocument(index)
    let start = index == 0 ? 0 : try number(at: endsOffset + (index - 1) * 8)
    let end = try number(at: endsOffset + index * 8)
    guard start <= end, end <= count else {
      throw CorpusError.invalidTokenFile(
        path: path, part: "end of document \(index)", expected: "\(start) to \(count)", found: "\(end)")
    }
    return start..<end
  }

  /// How many ids are read at a time: 256 KiB.
  package static let pieceLength = 1 << 16

  /// Passes a document's ids to a closure in pieces of bounded size.
  ///
  /// - Parameters:
  ///   - index: The index of a document, from 0.
  ///   - length: The most ids of a piece.
  ///   - body: Receives the pieces in order, with the indices of ids that are not scored; the last one holds EOS.
  /// - Throws: `CorpusError.idOutsideVocabulary`, and what the body throws.
  /// - Precondition: The document exists.
  package func forEachPiece(
    ofDocument index: Int, length: Int = pieceLength, _ body: (_ ids: [Int32], _ unscored: [Range<Int>]) throws -> Void
  ) throws {
    let range = try documentRange(index)
    for start in stride(from: range.lowerBound, to: range.upperBound, by: length) {
      var ids = [Int32](repeating: 0, count: min(length, range.upperBound - start))
      var span = ids.mutableSpan
      try copyIDs(from: start, into: &span)
      let unscored = try unscoredRanges(in: start..<start + ids.count)
      try body(ids, unscored.map { $0.lowerBound - start..<$0.upperBound - start })
    }
  }

  /// The length of a document's text.
  ///
  /// - Parameter index: The index of a document, from 0.
  /// - Returns: Bytes.
  /// - Throws: `FileError`.
  /// - Precondition: The document exists.
  package func documentBytes(_ index: Int) throws -> Int {
    checkDocument(index)
    return try number(at: bytesOffset + index * 8)
  }

  /// The text that says how conversations were made into ids; nil for none.
  ///
  /// - Throws: `FileError`.
  package func chatTemplate() throws -> [UInt8]? {
    guard header.chatTemplateByteCount > 0 else { return nil }
    let start = flipsOffset + flipCount * 8
    return try file.copyBytes(start..<start + header.chatTemplateByteCount)
  }

  /// The positions in a range whose ids are not scored.
  ///
  /// - Parameter range: Positions in the file.
  /// - Returns: Ranges in ascending order; none without a mask.
  /// - Throws: `FileError`; `CorpusError.invalidTokenFile` for a table that was changed since the file was opened.
  package func unscoredRanges(in range: Range<Int>) throws -> [Range<Int>] {
    guard flipCount > 0, !range.isEmpty else { return [] }
    // The first flip behind the start of the range.
    var flips = 0..<flipCount
    while !flips.isEmpty {
      let middle = flips.lowerBound + flips.count / 2
      if try flip(middle) <= range.lowerBound {
        flips = middle + 1..<flips.upperBound
      } else {
        flips = flips.lowerBound..<middle
      }
    }
    var ranges: [Range<Int>] = []
    var (index, start) = (flips.lowerBound, range.lowerBound)
    while start < range.upperBound {
      let end = try index < flipCount ? min(flip(index), range.upperBound) : range.upperBound
      guard start < end else {
        throw CorpusError.invalidTokenFile(
          path: path, part: "flip \(index)", expected: "more than \(start)", found: "\(end)")
      }
      // Ids are scored up to the first flip, and from then on change at each.
      if index % 2 == 1 { ranges.append(start..<end) }
      (index, start) = (index + 1, end)
    }
    return ranges
  }

  /// How many ids are scored.
  ///
  /// - Throws: The errors of `unscoredRanges`.
  package func scoredCount() throws -> Int {
    try count - unscoredRanges(in: 0..<count).reduce(0) { $0 + $1.count }
  }

  private func flip(_ index: Int) throws(FileError) -> Int { try number(at: flipsOffset + index * 8) }

  /// The first document that starts at or after a position; `documentCount` if none does.
  ///
  /// - Parameter position: The position of an id.
  /// - Returns: The index of a document.
  /// - Throws: The errors of `documentRange`.
  package func firstDocument(startingFrom position: Int) throws -> Int {
    var range = 0..<documentCount
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      if try documentRange(middle).lowerBound < position {
        range = middle + 1..<range.upperBound
      } else {
        range = range.lowerBound..<middle
      }
    }
    return range.lowerBound
  }

  /// Whether a document starts at the position.
  func isFirstOfDocument(_ position: Int) throws -> Bool {
    let document = try firstDocument(startingFrom: position)
    return try document < documentCount && documentRange(document).lowerBound == position
  }

  private func checkDocument(_ index: Int) {
    precondition(0..<documentCount ~= index, "\(path): document \(index) outside 0..<\(documentCount)")
  }

  // Opening proved that these numbers are small enough, but the file may have changed since.
  private func number(at offset: Int) throws(FileError) -> Int {
    try file.withSpan(offset..<offset + 8) { Int(clamping: $0.number(at: 0, as: UInt64.self)) }
  }
}
