internal import Files

extension TokenFile {
  /// Reads the whole file: every id is in the vocabulary, every document ends as it should, the digest is right.
  ///
  /// - Throws: `CorpusError.idOutsideVocabulary` or `.invalidTokenFile`.
  package func verify() throws(CorpusError) {
    let digest = file.withBytes(idBytes) { SHA256Digest(of: $0) }
    guard digest == dataDigest else { throw file.broken("digest of the ids", "\(dataDigest)", "\(digest)") }
    var ids = [Int32](repeating: 0, count: min(count, 1 << 16))
    var block = ids.mutableSpan
    for start in stride(from: 0, to: count, by: 1 << 16) {
      try copyIDs(from: start, into: &block, at: 0..<min(block.count, count - start))
    }
    guard let eosID = header.eosID else { return }
    for index in 0..<documentCount {
      let range = documentRange(index)
      var last: [Int32] = [-1]
      var block = last.mutableSpan
      if !range.isEmpty { try copyIDs(from: range.upperBound - 1, into: &block) }
      guard last[0] == eosID else { throw file.broken("end of document \(index)", "EOS (\(eosID))", "another id") }
    }
  }

  /// Checks the two tables of documents.
  ///
  /// - Returns: The bytes of text in all documents.
  static func checkTables(
    of file: MappedFile, at offset: Int, count: Int, documentCount: Int
  ) throws(CorpusError) -> Int {
    try file.withSpan(offset..<offset + documentCount * 16) { (tables) throws(CorpusError) in
      var end: UInt64 = 0
      var total = 0
      for index in 0..<documentCount {
        let next = tables.number(at: index * 8, as: UInt64.self)
        guard next >= end, next <= UInt64(count) else {
          throw file.broken("end of document \(index)", "\(end) to \(count)", "\(next)")
        }
        end = next
        let byteCount = tables.number(at: (documentCount + index) * 8, as: UInt64.self)
        let (sum, isOverflow) = total.addingReportingOverflow(Int(clamping: byteCount))
        guard !isOverflow, byteCount <= UInt64(Int.max) else {
          throw file.broken("bytes of document \(index)", "a sum below 2^63", "\(byteCount)")
        }
        total = sum
      }
      guard end == UInt64(count) else { throw file.broken("end of the last document", "\(count)", "\(end)") }
      return total
    }
  }
}

extension TokenFileHeader {
  /// Reads and checks the header.
  init(of file: MappedFile) throws(CorpusError) {
    guard file.byteCount >= Self.byteCount + TokenFileTrailer.byteCount else {
      throw file.broken("size", "at least \(Self.byteCount + TokenFileTrailer.byteCount) bytes", "\(file.byteCount)")
    }
    let bytes = file.copyBytes(0..<Self.byteCount)
    guard bytes.starts(with: Self.magic) else { throw file.broken("first bytes", "'RNTOKENS'", "others") }
    let numbers = stride(from: 8, to: 24, by: 4).map { bytes.span.number(at: $0, as: UInt32.self) }
    let (version, idByteCount, vocabularySize, eosID) = (numbers[0], numbers[1], numbers[2], numbers[3])
    guard version == Self.formatVersion else {
      throw file.broken("format version", "\(Self.formatVersion)", "\(version)")
    }
    guard 1...UInt32(Int32.max) ~= vocabularySize else {
      throw file.broken("vocabulary size", "1 to \(Int32.max)", "\(vocabularySize)")
    }
    guard eosID == UInt32.max || eosID < vocabularySize else {
      throw file.broken("EOS id", "less than \(vocabularySize), or -1", "\(Int32(bitPattern: eosID))")
    }
    guard bytes[56...].allSatisfy({ $0 == 0 }) else { throw file.broken("reserved bytes", "zeros", "others") }
    self.init(
      vocabularySize: Int(vocabularySize), eosID: eosID == UInt32.max ? nil : Int32(eosID),
      tokenizerDigest: SHA256Digest(bytes: Array(bytes[24..<56])))
    guard idByteCount == self.idByteCount else {
      throw file.broken("bytes of an id", "\(self.idByteCount)", "\(idByteCount)")
    }
  }
}

extension TokenFileTrailer {
  /// Reads the trailer, and checks that header, ids, tables and trailer are exactly the file.
  init(of file: MappedFile, idByteCount: Int) throws(CorpusError) {
    let bytes = file.copyBytes(file.byteCount - Self.byteCount..<file.byteCount)
    guard bytes.suffix(8).elementsEqual(Self.magic) else { throw file.broken("last bytes", "'RNTOKEND'", "others") }
    guard bytes[48..<56].allSatisfy({ $0 == 0 }) else { throw file.broken("reserved bytes", "zeros", "others") }
    let bodyByteCount = file.byteCount - Self.byteCount - TokenFileHeader.byteCount
    // Bounded by the size of the file, no product below can overflow.
    let count = Int(clamping: bytes.span.number(at: 0, as: UInt64.self))
    guard count <= bodyByteCount / idByteCount else {
      throw file.broken("number of ids", "at most \(bodyByteCount / idByteCount)", "\(count)")
    }
    let documentCount = Int(clamping: bytes.span.number(at: 8, as: UInt64.self))
    guard documentCount <= bodyByteCount / 16 else {
      throw file.broken("number of documents", "at most \(bodyByteCount / 16)", "\(documentCount)")
    }
    let expected = (count * idByteCount + 7) / 8 * 8 + documentCount * 16
    guard expected == bodyByteCount else {
      throw file.broken("size of ids and tables", "\(expected) bytes", "\(bodyByteCount)")
    }
    self.init(count: count, documentCount: documentCount, dataDigest: SHA256Digest(bytes: Array(bytes[16..<48])))
  }
}

extension MappedFile {
  fileprivate func broken(_ part: String, _ expected: String, _ found: String) -> CorpusError {
    .invalidTokenFile(path: path, part: part, expected: expected, found: found)
  }
}
