import Corpora
import Files
import TestSupport
import Testing

/// Token files of which only a part is scored (docs/TOKENS.md, version 2).
@Suite struct MaskedTokenFileTests {
  private let folder: TemporaryFolder
  private var path: String { folder.path + "/masked.tokens" }

  init() throws { folder = try TemporaryFolder() }

  /// A document as stretches of ids, scored or not.
  private typealias Document = [(ids: [Int32], isScored: Bool)]

  @discardableResult
  private func write(_ documents: [Document], eosID: Int32? = 2, template: [UInt8] = []) throws -> TokenFile {
    let header = TokenFileHeader(
      vocabularySize: 500, eosID: eosID, tokenizerDigest: SHA256Digest(of: [1]), hasMask: true,
      chatTemplateByteCount: template.count)
    var writer = try TokenFileWriter(replacing: path, header: header, chatTemplate: template)
    for document in documents {
      for part in document { try writer.append(part.ids, isScored: part.isScored) }
      try writer.endDocument(byteCount: 7)
    }
    try writer.commit()
    return try TokenFile(path: path)
  }

  private func random(_ count: Int) -> (documents: [Document], mask: [Bool]) {
    var generator = SeededGenerator(seed: 5)
    var (documents, mask): ([Document], [Bool]) = ([], [])
    for _ in 0..<count {
      let document: Document = (0..<generator.next() % 5).map { _ in
        let part = (0..<generator.next() % 9).map { _ in Int32(3 + generator.next() % 400) }
        return (part, generator.next() % 2 == 0)
      }
      for part in document { mask += [Bool](repeating: part.isScored, count: part.ids.count) }
      mask.append(mask.last ?? true)  // EOS, as the id before it
      documents.append(document)
    }
    return (documents, mask)
  }

  @Test func theMaskComesBackForEveryRange() throws {
    let (documents, mask) = random(60)
    let file = try write(documents)
    try file.verify()
    #expect(file.header.hasMask && file.count == mask.count)
    #expect(try file.scoredCount() == mask.count { $0 })
    for start in 0...file.count {
      for end in [start, start + 1, start + 7, file.count] where start...file.count ~= end {
        let unscored = try file.unscoredRanges(in: start..<end)
        #expect(unscored.flatMap { Array($0) } == (start..<end).filter { !mask[$0] })
        #expect(unscored.allSatisfy { !$0.isEmpty })
      }
    }
    var pieces: [Bool] = []
    for index in 0..<file.documentCount {
      try file.forEachPiece(ofDocument: index) { ids, unscored in
        pieces += ids.indices.map { position in !unscored.contains { $0.contains(position) } }
      }
    }
    #expect(pieces == mask)
  }

  @Test func layoutIsAsDocumented() throws {
    let file = try write([[([5, 6], false), ([7], true)], [([8], false)]], template: Array("{}!".utf8))
    #expect(try file.chatTemplate() == Array("{}!".utf8))
    let bytes = try MappedFile(path: path).copyBytes(0..<MappedFile(path: path).byteCount)
    func words(_ numbers: UInt8...) -> [UInt8] { numbers.flatMap { [$0, 0, 0, 0, 0, 0, 0, 0] } }
    #expect(bytes[8] == 2 && Array(bytes[56..<64]) == words(3))
    // Two documents of four and two ids; scoring ends at 0, begins at 2 and ends at 4.
    #expect(Array(bytes[80..<112]) == words(4, 6, 7, 7))
    #expect(Array(bytes[112..<136]) == words(0, 2, 4))
    #expect(Array(bytes[136..<144]) == Array("{}!".utf8) + [0, 0, 0, 0, 0])
    #expect(Array(bytes[144..<160]) == words(6, 2))
    let digested = Array(bytes[64..<76]) + bytes[112..<136] + Array("{}!".utf8)
    #expect(Array(bytes[160..<192]) == SHA256Digest(of: digested).bytes)
    #expect(Array(bytes[192..<200]) == words(3))
    #expect(bytes.count == 208)
  }

  @Test func damageIsFoundOrHarmless() throws {
    try write(random(8).documents, template: Array("{}".utf8))
    let sound = try MappedFile(path: path).copyBytes(0..<MappedFile(path: path).byteCount)
    var generator = SeededGenerator(seed: 9)
    var refused = 0
    for _ in 0..<600 {
      var bytes = sound
      for _ in 0...generator.next() % 2 {
        bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(generator.next() % 256)
      }
      if bytes == sound { continue }
      do {
        let file = try TokenFile(path: folder.add("damaged.tokens", bytes))
        _ = try file.unscoredRanges(in: 0..<file.count)
        _ = try file.chatTemplate()
        try file.verify()
        // Sizes of texts and the digest of the tokenizer are in no digest.
      } catch {
        #expect(error is CorpusError || error is FileError)
        refused += 1
      }
    }
    #expect(refused > 300)
  }

  /// Targets at masked positions are -1; everything else is as without the mask.
  @Test(arguments: [BOSPlacement.sequence(bosID: 1), .document(bosID: 1), .none], DocumentBoundary.allCases)
  func onlyTargetsAreMasked(_ bos: BOSPlacement, _ boundary: DocumentBoundary) throws {
    // Ids are unique, so that a target tells its position.
    var next: Int32 = 9
    var generator = SeededGenerator(seed: 6)
    let documents: [Document] = (0..<12).map { _ in
      (0..<3).map { _ in
        let count = Int32(1 + generator.next() % 9)
        defer { next += count }
        return ((next..<next + count).map { $0 }, generator.next() % 2 == 0)
      }
    }
    let masked = try write(documents, eosID: nil)
    let plainPath = folder.path + "/plain.tokens"
    try writeTokenFile(documents.map { $0.flatMap(\.ids) }, to: plainPath, eosID: nil)
    func batches(_ file: TokenFile) throws -> Batches {
      try Batches(file, batchSize: 3, sequenceLength: 16, bos: bos, boundary: boundary, seed: 5)
    }
    let unscored = Set(documents.joined().filter { !$0.isScored }.flatMap(\.ids))
    let plain = try batches(TokenFile(path: plainPath))
    for index in 0..<20 {
      let (found, expected) = (try batches(masked).batch(at: index), try plain.batch(at: index))
      #expect(found.inputs == expected.inputs && found.documents == expected.documents)
      #expect(found.targets == expected.targets.map { unscored.contains($0) ? -1 : $0 })
    }
    #expect(!unscored.isEmpty)
  }
}
