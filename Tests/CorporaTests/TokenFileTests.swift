import Corpora
import Files
import TestSupport
import Testing

/// Writes documents, each with a length in bytes of five times its ids.
func writeTokenFile(
  _ documents: [[Int32]], to path: String, vocabularySize: Int = 500, eosID: Int32? = 2
) throws {
  let header = TokenFileHeader(
    vocabularySize: vocabularySize, eosID: eosID, tokenizerDigest: SHA256Digest(of: [1, 2, 3]))
  var writer = try TokenFileWriter(replacing: path, header: header)
  for document in documents {
    // In two parts, as a long document comes.
    try writer.append(Array(document.prefix(3)))
    try writer.append(Array(document.dropFirst(3)))
    try writer.endDocument(byteCount: document.count * 5)
  }
  try writer.commit()
}

extension TokenFile {
  func ids(_ range: Range<Int>? = nil) throws -> [Int32] {
    let range = range ?? 0..<count
    var ids = [Int32](repeating: -7, count: range.count)
    var span = ids.mutableSpan
    try copyIDs(from: range.lowerBound, into: &span)
    return ids
  }
}

@Suite struct TokenFileTests {
  private let folder: TemporaryFolder
  private var path: String { folder.path + "/train.tokens" }

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: [500, 65_536, 65_537, Int(Int32.max)], [2, nil] as [Int32?])
  func givesBackWhatWasWritten(_ vocabularySize: Int, _ eosID: Int32?) throws {
    let largest = Int32(vocabularySize - 1)
    let documents: [[Int32]] = [[5, 6, 7, largest], [], [9], Array(repeating: 3, count: 100_000), [0, largest]]
    try writeTokenFile(documents, to: path, vocabularySize: vocabularySize, eosID: eosID)
    let file = try TokenFile(path: path)
    try file.verify()
    let stored = documents.map { $0 + (eosID.map { [$0] } ?? []) }
    #expect(file.header.vocabularySize == vocabularySize)
    #expect(file.header.eosID == eosID)
    #expect(file.header.tokenizerDigest == SHA256Digest(of: [1, 2, 3]))
    #expect(file.documentCount == documents.count)
    #expect(file.count == stored.joined().count)
    #expect(file.totalBytes == documents.joined().count * 5)
    #expect(try file.ids() == Array(stored.joined()))
    for (index, document) in stored.enumerated() {
      #expect(try file.ids(file.documentRange(index)) == document)
      #expect(try file.documentBytes(index) == documents[index].count * 5)
      var pieces: [[Int32]] = []
      try file.forEachPiece(ofDocument: index) { ids, unscored in
        pieces.append(ids)
        #expect(unscored.isEmpty)
      }
      #expect(Array(pieces.joined()) == document)
      #expect(pieces.allSatisfy { 1...1 << 16 ~= $0.count })
      #expect(pieces.count == (document.count + 65_535) >> 16)
    }
  }

  @Test func findsDocumentsByPosition() throws {
    try writeTokenFile([[5], [5, 5], [5, 5, 5]], to: path)
    let file = try TokenFile(path: path)
    #expect(try (0...file.count).map { try file.firstDocument(startingFrom: $0) } == [0, 1, 1, 2, 2, 2, 3, 3, 3, 3])
  }

  @Test func writesNothingWithoutCommit() throws {
    do {
      let header = TokenFileHeader(vocabularySize: 9, eosID: nil, tokenizerDigest: SHA256Digest(of: []))
      var writer = try TokenFileWriter(replacing: path, header: header)
      try writer.append([1, 2, 3])
    }
    #expect(throws: FileError.missing(path: path)) { try TokenFile(path: path) }
  }

  @Test func layoutIsAsDocumented() throws {
    try writeTokenFile([[258, 259], [3]], to: path, vocabularySize: 500, eosID: 2)
    let bytes = try MappedFile(path: path).copyBytes(0..<MappedFile(path: path).byteCount)
    #expect(bytes.count == 64 + 16 + 2 * 16 + 64)
    #expect(Array(bytes[..<8]) == Array("RNTOKENS".utf8))
    #expect(Array(bytes[8..<24]) == [1, 0, 0, 0, 2, 0, 0, 0, 0xF4, 1, 0, 0, 2, 0, 0, 0])
    #expect(Array(bytes[24..<56]) == SHA256Digest(of: [1, 2, 3]).bytes)
    let ids: [UInt8] = [2, 1, 3, 1, 2, 0, 3, 0, 2, 0]
    #expect(Array(bytes[64..<80]) == ids + [0, 0, 0, 0, 0, 0])
    let tables: [UInt8] = [3, 5, 10, 5].flatMap { [$0, 0, 0, 0, 0, 0, 0, 0] }
    #expect(Array(bytes[80..<112]) == tables)
    #expect(Array(bytes[112..<128]) == [5, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0])
    #expect(Array(bytes[128..<160]) == SHA256Digest(of: ids).bytes)
    #expect(Array(bytes[160...]) == [0, 0, 0, 0, 0, 0, 0, 0] + Array("RNTOKEND".utf8))
  }

  @Test func anIDOutsideTheVocabularyIsFoundWhereItIsCopied() throws {
    try writeTokenFile([[5, 6, 7]], to: path)
    var bytes = try MappedFile(path: path).copyBytes(0..<MappedFile(path: path).byteCount)
    bytes[64 + 3] = 0xFF
    let file = try TokenFile(path: folder.add("train.tokens", bytes))
    let error = CorpusError.idOutsideVocabulary(path: path, position: 1, id: 0xFF06, vocabularySize: 500)
    #expect(throws: error) { try file.ids() }
    #expect(try file.ids(2..<4) == [7, 2])
    #expect(throws: CorpusError.self) { try file.verify() }
  }

  @Test func verificationFindsAChangedID() throws {
    try writeTokenFile([[5, 6, 7]], to: path)
    var bytes = try MappedFile(path: path).copyBytes(0..<MappedFile(path: path).byteCount)
    bytes[64] = 4
    let file = try TokenFile(path: folder.add("train.tokens", bytes))
    let error = try #require(throws: CorpusError.self) { try file.verify() }
    #expect(error.description.contains("digest of the ids"))
  }

  @Test(arguments: [500, 70_000])
  func hostileFilesAreRefusedOrHarmless(_ vocabularySize: Int) throws {
    try writeTokenFile([[5, 6, 7], [8], [9, 10, 11, 12]], to: path, vocabularySize: vocabularySize)
    let sound = try MappedFile(path: path).copyBytes(0..<MappedFile(path: path).byteCount)
    fuzz("token file, vocabulary \(vocabularySize)", inputs: 800) { damage, input in
      do {
        let file = try TokenFile(path: folder.replace("hostile.tokens", damage.damaged(sound)))
        for document in 0..<file.documentCount {
          _ = try? file.ids(file.documentRange(document))
          #expect(try file.documentBytes(document) >= 0, "\(input)")
        }
        let batches = try Batches(
          file, batchSize: 2, sequenceLength: 5, bos: .document(bosID: 1), boundary: .continuous, seed: 1)
        _ = try? batches.batch(at: 3)
        try? file.verify()
        return true
      } catch is CorpusError {
        return false
      } catch is FileError {
        return false
      }
    }
  }
}
