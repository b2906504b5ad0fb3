internal import Files

/// How other programs store token ids: one after the other in a `.bin` file, without an index of documents.
///
/// Source: karpathy/nanoGPT (data/openwebtext/prepare.py), karpathy/llm.c (dev/data/data_common.py), which
/// modded-nanogpt follows.
package enum BinFormat: String, CaseIterable, Sendable {
  /// A header of 256 numbers of four bytes, then ids of two or four bytes. EOS stands before each document.
  case llmC = "llm.c"
  /// Ids of two bytes and nothing else. EOS stands behind each document.
  case nanoGPT = "nanogpt"

  /// The header of a file of llm.c: magic number, version and number of ids; the rest is zero.
  fileprivate static let headerByteCount = 1024
  fileprivate static let kinds: [(magic: UInt32, version: UInt32, idByteCount: Int)] = [
    (20_240_520, 1, 2), (20_240_801, 7, 4),
  ]
}

/// An open `.bin` file of token ids.
package struct BinTokenFile {
  /// The number of ids.
  package let count: Int
  private let file: MappedFile
  private let start: Int
  private let idByteCount: Int

  /// Opens a file.
  ///
  /// - Parameters:
  ///   - path: The path of a file, which need not be trusted.
  ///   - format: What it must be; nothing in a file of nanoGPT tells that it is one.
  /// - Throws: `FileError`; `CorpusError.invalidBinFile`.
  package init(path: String, format: BinFormat) throws {
    let file = try MappedFile(path: path)
    self.file = file
    func refuse(_ expected: String, _ found: String) -> CorpusError {
      .invalidBinFile(path: path, reason: "expected \(expected), found \(found)")
    }
    let byteCount = file.byteCount
    guard format == .llmC else {
      guard byteCount.isMultiple(of: 2) else { throw refuse("ids of 2 bytes", "\(byteCount) bytes") }
      (start, idByteCount, count) = (0, 2, byteCount / 2)
      return
    }
    guard byteCount >= BinFormat.headerByteCount else {
      throw refuse("a header of \(BinFormat.headerByteCount) bytes", "\(byteCount) bytes")
    }
    let numbers = file.withSpan(0..<12) { bytes in (0..<3).map { bytes.number(at: $0 * 4, as: UInt32.self) } }
    guard let kind = BinFormat.kinds.first(where: { $0.magic == numbers[0] }) else {
      throw refuse("the number \(BinFormat.kinds[0].magic) or \(BinFormat.kinds[1].magic) first", "\(numbers[0])")
    }
    guard kind.version == numbers[1] else { throw refuse("version \(kind.version)", "\(numbers[1])") }
    let expected = BinFormat.headerByteCount + Int(numbers[2]) * kind.idByteCount
    guard byteCount == expected else { throw refuse("\(expected) bytes for \(numbers[2]) ids", "\(byteCount)") }
    (start, idByteCount, count) = (BinFormat.headerByteCount, kind.idByteCount, Int(numbers[2]))
  }

  /// Passes the ids to a closure in blocks.
  ///
  /// - Parameters:
  ///   - vocabularySize: What the ids must be below.
  ///   - body: Receives the next ids.
  /// - Throws: `CorpusError.idOutsideVocabulary`, `FileError`, and what the body throws.
  package func forEachBlock(vocabularySize: Int, _ body: ([Int32]) throws -> Void) throws {
    for first in stride(from: 0, to: count, by: TokenFile.pieceLength) {
      let length = min(TokenFile.pieceLength, count - first)
      let range = start + first * idByteCount..<start + (first + length) * idByteCount
      let ids = file.withSpan(range) { bytes in
        (0..<length).map { index in
          idByteCount == 2
            ? UInt32(bytes.number(at: index * 2, as: UInt16.self)) : bytes.number(at: index * 4, as: UInt32.self)
        }
      }
      if let index = ids.firstIndex(where: { $0 >= vocabularySize }) {
        throw CorpusError.idOutsideVocabulary(
          path: file.path, position: first + index, id: Int(ids[index]), vocabularySize: vocabularySize)
      }
      try body(ids.map { Int32($0) })
    }
  }
}

extension TokenFile {
  /// Writes the ids as a `.bin` file.
  ///
  /// - Parameters:
  ///   - path: Where it appears, complete or not at all.
  ///   - format: The format.
  /// - Throws: `CorpusError.notExpressible` for a mask, or for more ids or a larger vocabulary than the format has room
  ///   for; `FileError`; the errors of reading the file.
  package func export(to path: String, format: BinFormat) throws {
    func refuse(_ reason: String) -> CorpusError { .notExpressible(path: self.path, reason: reason) }
    if header.hasMask { throw refuse("\(format.rawValue) files have no loss mask") }
    if format == .nanoGPT, header.idByteCount == 4 { throw refuse("nanogpt files have ids below 65,536") }
    if format == .llmC, count > Int32.max { throw refuse("llm.c files have fewer than 2,147,483,648 ids") }
    let output = try AtomicFile(replacing: path)
    if format == .llmC, let kind = BinFormat.kinds.first(where: { $0.idByteCount == header.idByteCount }) {
      var bytes: [UInt8] = []
      for number in [kind.magic, kind.version, UInt32(count)] { bytes.append(littleEndian: number) }
      try output.write(bytes + [UInt8](repeating: 0, count: BinFormat.headerByteCount - bytes.count))
    }
    func write(_ ids: some Sequence<Int32>) throws {
      var bytes: [UInt8] = []
      for id in ids { bytes.append(id: id, byteCount: header.idByteCount) }
      try output.write(bytes)
    }
    for index in 0..<documentCount {
      // llm.c has EOS before a document instead of behind it.
      let movesEOS = format == .llmC && header.eosID != nil
      if movesEOS, let eosID = header.eosID { try write([eosID]) }
      var left = try documentRange(index).count - (movesEOS ? 1 : 0)
      try forEachPiece(ofDocument: index) { ids, _ in
        try write(ids.prefix(left))
        left -= min(left, ids.count)
      }
    }
    try output.commit()
  }
}
