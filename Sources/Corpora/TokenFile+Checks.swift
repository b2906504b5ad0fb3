internal import Files

/// Checks the content of a token file, beyond what opening checks.
extension TokenFile {
  /// Reads the whole file and checks that every id is in the vocabulary, every document ends correctly and the digest
  /// matches.
  ///
  /// - Throws: `CorpusError.idOutsideVocabulary` or `.invalidTokenFile`; `FileError`.
  package func verify() throws {
    var hasher = SHA256Hasher()
    for start in stride(from: idBytes.lowerBound, to: idBytes.upperBound, by: Self.blockByteCount) {
      let block = start..<min(start + Self.blockByteCount, idBytes.upperBound)
      try file.copyBytes(block).withRawSpan { hasher.update($0) }
    }
    let mask = flipsOffset..<flipsOffset + flipCount * 8 + header.chatTemplateByteCount
    for start in stride(from: mask.lowerBound, to: mask.upperBound, by: Self.blockByteCount) {
      try file.copyBytes(start..<min(start + Self.blockByteCount, mask.upperBound)).withRawSpan { hasher.update($0) }
    }
    let digest = hasher.finalize()
    guard digest == dataDigest else { throw file.broken("digest of the ids", "\(dataDigest)", "\(digest)") }
    var ids = [Int32](repeating: 0, count: min(count, 1 << 16))
    var block = ids.mutableSpan
    for start in stride(from: 0, to: count, by: 1 << 16) {
      try copyIDs(from: start, into: &block, at: 0..<min(block.count, count - start))
    }
    guard let eosID = header.eosID else { return }
    for index in 0..<documentCount {
      let range = try documentRange(index)
      var last: [Int32] = [-1]
      var block = last.mutableSpan
      if !range.isEmpty { try copyIDs(from: range.upperBound - 1, into: &block) }
      guard last[0] == eosID else { throw file.broken("end of document \(index)", "EOS (\(eosID))", "another id") }
    }
  }

  private static let blockByteCount = 1 << 20

  /// Checks the two tables of documents.
  ///
  /// - Returns: The bytes of text in all documents.
  static func checkTables(
    of file: RandomAccessFile, at offset: Int, count: Int, documentCount: Int
  ) throws -> Int {
    var end: UInt64 = 0
    try forEachNumber(of: file, at: offset, count: documentCount) { index, next in
      guard next >= end, next <= UInt64(count) else {
        throw file.broken("end of document \(index)", "\(end) to \(count)", "\(next)")
      }
      end = next
    }
    guard end == UInt64(count) else { throw file.broken("end of the last document", "\(count)", "\(end)") }
    var total = 0
    try forEachNumber(of: file, at: offset + documentCount * 8, count: documentCount) { index, byteCount in
      let (sum, isOverflow) = total.addingReportingOverflow(Int(clamping: byteCount))
      guard !isOverflow, byteCount <= UInt64(Int.max) else {
        throw file.broken("bytes of document \(index)", "a sum below 2^63", "\(byteCount)")
      }
      total = sum
    }
    return total
  }

  /// Checks that the positions at which scoring ends or begins again ascend.
  static func checkFlips(of file: RandomAccessFile, at offset: Int, flipCount: Int, count: Int) throws {
    var last: UInt64?
    try forEachNumber(of: file, at: offset, count: flipCount) { index, position in
      guard last.map({ position > $0 }) ?? true, position < UInt64(count) else {
        throw file.broken("flip \(index)", "\(last.map { $0 + 1 } ?? 0) to \(count - 1)", "\(position)")
      }
      last = position
    }
  }

  private static func forEachNumber(
    of file: RandomAccessFile, at offset: Int, count: Int, _ body: (Int, UInt64) throws -> Void
  ) throws {
    for start in stride(from: 0, to: count, by: blockByteCount / 8) {
      let numbers = start..<min(start + blockByteCount / 8, count)
      let block = try file.copyBytes(offset + numbers.lowerBound * 8..<offset + numbers.upperBound * 8)
      for index in numbers { try body(index, block.span.number(at: (index - start) * 8, as: UInt64.self)) }
    }
  }
}

extension TokenFileHeader {
  /// Reads and checks the header.
  init(of file: RandomAccessFile) throws {
    guard file.byteCount >= Self.byteCount + TokenFileTrailer.byteCount else {
      throw file.broken("size", "at least \(Self.byteCount + TokenFileTrailer.byteCount) bytes", "\(file.byteCount)")
    }
    let bytes = try file.copyBytes(0..<Self.byteCount)
    guard bytes.starts(with: Self.magic) else { throw file.broken("first bytes", "'RNTOKENS'", "others") }
    let numbers = stride(from: 8, to: 24, by: 4).map { bytes.span.number(at: $0, as: UInt32.self) }
    let (version, idByteCount, vocabularySize, eosID) = (numbers[0], numbers[1], numbers[2], numbers[3])
    guard 1...UInt32(Self.formatVersion) ~= version else {
      throw file.broken("format version", "1 to \(Self.formatVersion)", "\(version)")
    }
    guard 1...UInt32(Int32.max) ~= vocabularySize else {
      throw file.broken("vocabulary size", "1 to \(Int32.max)", "\(vocabularySize)")
    }
    guard eosID == UInt32.max || eosID < vocabularySize else {
      throw file.broken("EOS id", "less than \(vocabularySize), or -1", "\(Int32(bitPattern: eosID))")
    }
    let templateByteCount = bytes.span.number(at: 56, as: UInt64.self)
    guard templateByteCount <= (version == 1 ? 0 : UInt64(Self.chatTemplateByteLimit)) else {
      throw version == 1
        ? file.broken("reserved bytes", "zeros", "others")
        : file.broken("bytes of the chat template", "at most \(Self.chatTemplateByteLimit)", "\(templateByteCount)")
    }
    self.init(
      vocabularySize: Int(vocabularySize), eosID: eosID == UInt32.max ? nil : Int32(eosID),
      tokenizerDigest: SHA256Digest(bytes: Array(bytes[24..<56])), hasMask: version > 1,
      chatTemplateByteCount: Int(templateByteCount))
    guard idByteCount == self.idByteCount else {
      throw file.broken("bytes of an id", "\(self.idByteCount)", "\(idByteCount)")
    }
  }
}

extension TokenFileTrailer {
  /// Reads the trailer, and checks that header, ids, tables and trailer add up to exactly the file.
  init(of file: RandomAccessFile, header: TokenFileHeader) throws {
    let bytes = try file.copyBytes(file.byteCount - Self.byteCount..<file.byteCount)
    guard bytes.suffix(8).elementsEqual(Self.magic) else { throw file.broken("last bytes", "'RNTOKEND'", "others") }
    guard header.hasMask || bytes[48..<56].allSatisfy({ $0 == 0 }) else {
      throw file.broken("reserved bytes", "zeros", "others")
    }
    let bodyByteCount = file.byteCount - Self.byteCount - TokenFileHeader.byteCount
    // Bounded by the size of the file, so no product below can overflow.
    let count = Int(clamping: bytes.span.number(at: 0, as: UInt64.self))
    guard count <= bodyByteCount / header.idByteCount else {
      throw file.broken("number of ids", "at most \(bodyByteCount / header.idByteCount)", "\(count)")
    }
    let documentCount = Int(clamping: bytes.span.number(at: 8, as: UInt64.self))
    guard documentCount <= bodyByteCount / 16 else {
      throw file.broken("number of documents", "at most \(bodyByteCount / 16)", "\(documentCount)")
    }
    let flipCount = Int(clamping: bytes.span.number(at: 48, as: UInt64.self))
    guard flipCount <= min(count, bodyByteCount / 8) else {
      throw file.broken("number of flips", "at most \(min(count, bodyByteCount / 8))", "\(flipCount)")
    }
    let expected =
      (count * header.idByteCount + 7) / 8 * 8 + documentCount * 16 + flipCount * 8
      + (header.chatTemplateByteCount + 7) / 8 * 8
    guard expected == bodyByteCount else {
      throw file.broken("size of ids and tables", "\(expected) bytes", "\(bodyByteCount)")
    }
    self.init(
      count: count, documentCount: documentCount, dataDigest: SHA256Digest(bytes: Array(bytes[16..<48])),
      flipCount: flipCount)
  }
}

extension RandomAccessFile {
  fileprivate func broken(_ part: String, _ expected: String, _ found: String) -> CorpusError {
    .invalidTokenFile(path: path, part: part, expected: expected, found: found)
  }
}
