import Testing
import Tokenization

@Suite struct TextStreamTests {
  private func byteIDs(_ bytes: [UInt8], _ tokenizer: Tokenizer) throws -> [Int32] {
    let ids = (0..<Int32(tokenizer.vocabularySize)).filter { tokenizer.kind(of: $0) == .byte }
    return try bytes.map { byte in try #require(ids.first { tokenizer.bytes(of: $0).elementsEqual([byte]) }) }
  }

  private func streamed(_ bytes: [UInt8]) throws -> [String] {
    let tokenizer = try Tokenizer(trained: .bpe)
    var stream = TextStream(tokenizer, startsText: true)
    return try byteIDs(bytes, tokenizer).map { stream.append($0) } + [stream.finish()]
  }

  @Test func waitsForTheWholeCharacter() throws {
    #expect(try streamed(Array("né€👧".utf8)) == ["n", "", "é", "", "", "€", "", "", "", "👧", ""])
  }

  @Test func replacesWhatCannotBecomeACharacter() throws {
    #expect(try streamed([0x61, 0xFF, 0x62]) == ["a", "\u{FFFD}", "b", ""])
    #expect(try streamed([0xE2, 0x82]) == ["", "", "\u{FFFD}"])
    #expect(try streamed([0xE2, 0x82, 0x61]) == ["", "", "\u{FFFD}a", ""])
    // A surrogate is known to be wrong at its second byte.
    #expect(try streamed([0xED, 0xA0, 0x80]).joined() == "\u{FFFD}\u{FFFD}\u{FFFD}")
  }

  @Test func decodesEachBytePieceToItsByte() throws {
    let tokenizer = try Tokenizer(trained: .unigram)
    let all = (0...255).map { UInt8($0) }
    #expect(try tokenizer.decode(byteIDs(all, tokenizer)) == all)
  }

  @Test func controlPiecesAreNoText() throws {
    let tokenizer = try Tokenizer(trained: .unigram)
    let ids = try [#require(tokenizer.bosID), #require(tokenizer.eosID)]
    #expect(try tokenizer.decode(ids) == [])
    #expect(ids.map { tokenizer.kind(of: $0) } == [.control, .control])
    #expect(tokenizer.padID == nil)
  }

  @Test(arguments: [-1, 600, Int32.max, Int32.min])
  func refusesIDsOutsideTheVocabulary(_ id: Int32) throws {
    let tokenizer = try Tokenizer(trained: .unigram)
    #expect(throws: TokenizerError.unknownID(id, vocabularySize: 600)) { try tokenizer.decode([5, id]) }
  }
}
