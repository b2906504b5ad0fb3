package import Files

/// Writes a token file, document after document, in bounded memory (a few bytes per document).
///
/// The file appears at its path complete, or not at all.
package struct TokenFileWriter: ~Copyable {
  /// Ids so far, including those that end documents.
  package private(set) var count = 0
  /// Documents so far.
  package private(set) var documentCount = 0

  private let header: TokenFileHeader
  private let file: AtomicFile
  private var hasher: SHA256Hasher
  private var buffer: [UInt8] = []
  private var documentStart = 0
  private var idCounts = CompactNumbers()
  private var byteCounts = CompactNumbers()
  private let chatTemplate: [UInt8]
  /// The distances between the positions at which scoring ends or begins again.
  private var flips = CompactNumbers()
  private var lastFlip = 0
  private var isScored = true

  private static let bufferByteCount = 1 << 16

  /// Starts a file.
  ///
  /// - Parameters:
  ///   - path: Where the file will appear.
  ///   - header: Vocabulary size, EOS id, tokenizer digest, whether there is a mask.
  ///   - chatTemplate: The text of which the header has the size.
  /// - Throws: `FileError`.
  package init(replacing path: String, header: TokenFileHeader, chatTemplate: [UInt8] = []) throws {
    precondition(chatTemplate.count == header.chatTemplateByteCount, "token file: another chat template")
    let file = try AtomicFile(replacing: path)
    try file.write(header.bytes)
    self.header = header
    self.chatTemplate = chatTemplate
    self.file = file
    hasher = SHA256Hasher()
  }

  /// Appends ids to the open document.
  ///
  /// - Parameters:
  ///   - ids: Ids of the vocabulary, without EOS at the end of the document.
  ///   - isScored: Whether the ids count in losses; false needs a header with a mask.
  /// - Throws: `FileError`.
  package mutating func append(_ ids: [Int32], isScored: Bool = true) throws {
    if isScored != self.isScored, !ids.isEmpty {
      precondition(header.hasMask, "token file: ids that are not scored, but no mask")
      flips.append(count - lastFlip)
      (lastFlip, self.isScored) = (count, isScored)
    }
    for id in ids {
      precondition(0..<header.vocabularySize ~= Int(id), "token file: id \(id) outside 0..<\(header.vocabularySize)")
      buffer.append(id: id, byteCount: header.idByteCount)
      if buffer.count >= Self.bufferByteCount { try flush() }
    }
    count += ids.count
  }

  /// Ends the open document, with EOS if the file has one. EOS is scored if the id before it is.
  ///
  /// - Parameter byteCount: The length of the document's text in bytes, ≥ 0.
  /// - Throws: `FileError`.
  package mutating func endDocument(byteCount: Int) throws {
    precondition(byteCount >= 0, "token file: a document of \(byteCount) bytes")
    if let eosID = header.eosID { try append([eosID], isScored: isScored) }
    closeDocument(byteCount)
  }

  /// Appends a document of another file with the same vocabulary, EOS id and mask.
  ///
  /// - Parameters:
  ///   - index: The index of a document.
  ///   - file: The other file.
  /// - Throws: `FileError`; the errors of reading the document.
  /// - Precondition: No document is open.
  package mutating func append(document index: Int, of file: TokenFile) throws {
    precondition(documentStart == count, "token file: a document inside another")
    try file.forEachPiece(ofDocument: index) { ids, unscored in
      var start = 0
      for range in unscored {
        try append(Array(ids[start..<range.lowerBound]))
        try append(Array(ids[range]), isScored: false)
        start = range.upperBound
      }
      try append(start == 0 ? ids : Array(ids[start...]))
    }
    closeDocument(try file.documentBytes(index))
  }

  private mutating func closeDocument(_ byteCount: Int) {
    idCounts.append(count - documentStart)
    byteCounts.append(byteCount)
    documentStart = count
    documentCount += 1
  }

  /// Writes the tables and moves the file to its path.
  ///
  /// - Returns: The digest of the ids, the mask and the template.
  /// - Throws: `FileError`.
  /// - Precondition: No document is open.
  @discardableResult
  package consuming func commit() throws -> SHA256Digest {
    precondition(documentStart == count, "token file: commit inside a document")
    try flush()
    var position = 0
    func nextFlip(_ distance: Int) -> Int {
      position += distance
      return position
    }
    flips.forEach { littleEndianBytes(nextFlip($0)).withRawSpan { hasher.update($0) } }
    chatTemplate.withRawSpan { hasher.update($0) }
    let dataDigest = hasher.finalize()
    let idByteCount = count * header.idByteCount
    try file.write([UInt8](repeating: 0, count: -idByteCount & 7))
    var end = 0
    try Self.write(idCounts, to: file) { length in
      end += length
      return end
    }
    try Self.write(byteCounts, to: file) { $0 }
    position = 0
    try Self.write(flips, to: file, as: nextFlip)
    try file.write(chatTemplate + [UInt8](repeating: 0, count: -chatTemplate.count & 7))
    try file.write(
      TokenFileTrailer(
        count: count, documentCount: documentCount, dataDigest: dataDigest, flipCount: flips.count
      ).bytes)
    try file.commit()
    return dataDigest
  }

  private mutating func flush() throws {
    buffer.withRawSpan { hasher.update($0) }
    try file.write(buffer)
    buffer.removeAll(keepingCapacity: true)
  }

  private static func write(_ numbers: CompactNumbers, to file: AtomicFile, as value: (Int) -> Int) throws {
    try numbers.forEach { number in
      try file.write(littleEndianBytes(value(number)))
    }
  }
}

extension [UInt8] {
  /// Appends an id as token files store it, in two or four bytes, lowest first.
  mutating func append(id: Int32, byteCount: Int) {
    if byteCount == 2 {
      append(littleEndian: UInt16(id))
    } else {
      append(littleEndian: UInt32(id))
    }
  }
}

private func littleEndianBytes(_ number: Int) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.append(littleEndian: UInt64(number))
  return bytes
}

/// Integers ≥ 0, seven bits per byte, so that millions of short documents take little memory.
private struct CompactNumbers {
  private(set) var count = 0
  private var bytes: [UInt8] = []

  mutating func append(_ number: Int) {
    count += 1
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F | 0x80))
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  func forEach(_ body: (Int) throws -> Void) rethrows {
    var (number, shift) = (0, 0)
    for byte in bytes {
      number |= Int(byte & 0x7F) << shift
      shift += 7
      guard byte < 0x80 else { continue }
      try body(number)
      (number, shift) = (0, 0)
    }
  }
}
