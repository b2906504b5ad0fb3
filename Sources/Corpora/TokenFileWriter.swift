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

  private static let bufferByteCount = 1 << 16

  /// Starts a file.
  ///
  /// - Parameters:
  ///   - path: Where the file will appear.
  ///   - header: Vocabulary size, EOS id and tokenizer digest.
  /// - Throws: `FileError`.
  package init(replacing path: String, header: TokenFileHeader) throws {
    let file = try AtomicFile(replacing: path)
    try file.write(header.bytes)
    self.header = header
    self.file = file
    hasher = SHA256Hasher()
  }

  /// Appends ids to the open document.
  ///
  /// - Parameter ids: Ids of the vocabulary, without EOS at the end of the document.
  /// - Throws: `FileError`.
  package mutating func append(_ ids: [Int32]) throws {
    for id in ids {
      precondition(0..<header.vocabularySize ~= Int(id), "token file: id \(id) outside 0..<\(header.vocabularySize)")
      if header.idByteCount == 2 {
        buffer.append(littleEndian: UInt16(id))
      } else {
        buffer.append(littleEndian: UInt32(id))
      }
      if buffer.count >= Self.bufferByteCount { try flush() }
    }
    count += ids.count
  }

  /// Ends the open document, with EOS if the file has one.
  ///
  /// - Parameter byteCount: The length of the document's text in bytes, ≥ 0.
  /// - Throws: `FileError`.
  package mutating func endDocument(byteCount: Int) throws {
    precondition(byteCount >= 0, "token file: a document of \(byteCount) bytes")
    if let eosID = header.eosID { try append([eosID]) }
    idCounts.append(count - documentStart)
    byteCounts.append(byteCount)
    documentStart = count
    documentCount += 1
  }

  /// Writes the tables and moves the file to its path.
  ///
  /// - Returns: The digest of the ids.
  /// - Throws: `FileError`.
  /// - Precondition: No document is open.
  @discardableResult
  package consuming func commit() throws -> SHA256Digest {
    precondition(documentStart == count, "token file: commit inside a document")
    try flush()
    let dataDigest = hasher.finalize()
    let idByteCount = count * header.idByteCount
    try file.write([UInt8](repeating: 0, count: -idByteCount & 7))
    var end = 0
    try Self.write(idCounts, to: file) { length in
      end += length
      return end
    }
    try Self.write(byteCounts, to: file) { $0 }
    try file.write(TokenFileTrailer(count: count, documentCount: documentCount, dataDigest: dataDigest).bytes)
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
      var bytes: [UInt8] = []
      bytes.append(littleEndian: UInt64(value(number)))
      try file.write(bytes)
    }
  }
}

/// Integers ≥ 0, seven bits per byte, so that millions of short documents take little memory.
private struct CompactNumbers {
  private var bytes: [UInt8] = []

  mutating func append(_ number: Int) {
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
