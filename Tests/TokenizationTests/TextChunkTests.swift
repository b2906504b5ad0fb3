import TestSupport
import Testing
import Tokenization

/// Chunks of a text can be encoded by themselves.
@Suite struct TextChunkTests {
  private func chunks(_ text: [UInt8], _ tokenizer: Tokenizer, by sizes: ClosedRange<Int>) -> [TextChunk] {
    var random = SeededGenerator(seed: 11)
    var chunker = TextChunker(tokenizer)
    var chunks: [TextChunk] = []
    var start = 0
    while start < text.count {
      let end = min(text.count, start + Int.random(in: sizes, using: &random))
      chunker.append(text.span.extracting(start..<end), to: &chunks)
      start = end
    }
    chunker.finish(to: &chunks)
    return chunks
  }

  private func expectSameIDs(_ tokenizer: Tokenizer) throws {
    var random = SeededGenerator(seed: 9)
    let mixed = (0..<4_000).flatMap { _ in Array(randomText(using: &random).utf8) }
    let words = Array(String(repeating: "the kalo minter ", count: 30_000).utf8)
    let characters = Array(String(repeating: "né👩‍👧", count: 30_000).utf8)
    let broken = [UInt8](repeating: 0x9F, count: 200_000)
    for text in [mixed, words, characters, words + mixed, broken, [0x41]] {
      let whole = try tokenizer.encode(text, invalid: .bytes)
      let cut = chunks(text, tokenizer, by: 1...100_000)
      #expect(cut.flatMap(\.bytes) == text)
      #expect(cut.map(\.offset) == cut.indices.map { cut[..<$0].reduce(0) { $0 + $1.bytes.count } })
      // Byte-level BPE cuts before spaces alone.
      if text.count > 70_000, text.contains(UInt8(ascii: " ")) { #expect(cut.count > 1) }
      var ids: [Int32] = []
      for chunk in cut {
        var own: [Int32] = []
        try tokenizer.encode(chunk, invalid: .bytes, source: "text", to: &own)
        #expect(tokenizer.firstDifference(chunk, own) == nil)
        ids += own
      }
      #expect(ids == whole)
    }
    #expect(chunks([], tokenizer, by: 1...1).isEmpty)
  }

  @Test(arguments: [ModelType.unigram, .bpe])
  func theirIDsAreThoseOfTheText(_ type: ModelType) throws { try expectSameIDs(Tokenizer(trained: type)) }

  @Test(arguments: ["llama3", "neox"])
  func theirIDsAreThoseOfTheText(_ name: String) throws {
    // Normalisation changes the text, so decoding cannot restore it.
    let text = String(decoding: try ByteLevelTests.bytes(name), as: UTF8.self)
      .replacing(#""normalizer":{"type":"NFC"}"#, with: #""normalizer":null"#)
    try expectSameIDs(Tokenizer(model: Array(text.utf8), path: name))
  }

  @Test func errorsNameThePlaceInTheText() throws {
    let tokenizer = try Tokenizer(trained: .bpe)
    let text = Array(String(repeating: "kalo\n", count: 40_000).utf8) + [0x61, 0xC3, 0x28]
    let last = try #require(chunks(text, tokenizer, by: 1...9_000).last)
    #expect(last.offset > 0)
    #expect(throws: TokenizerError.invalidText(source: "a.txt", offset: 200_001, line: 40_001)) {
      var ids: [Int32] = []
      try tokenizer.encode(last, invalid: .refuse, source: "a.txt", to: &ids)
    }
  }

  @Test func aPartGoesOnWhereTheOneBeforeEnds() throws {
    let tokenizer = try Tokenizer(trained: .unigram)
    var chunker = TextChunker(tokenizer)
    var chunks: [TextChunk] = []
    chunker.append(Array("kalo\nthe".utf8).span, to: &chunks)
    chunker.finish(next: .middle, to: &chunks)
    chunker.append(Array("minter".utf8).span, to: &chunks)
    chunker.finish(to: &chunks)
    chunker.append(Array("x".utf8).span, to: &chunks)
    chunker.finish(to: &chunks)
    #expect(chunks.map(\.offset) == [0, 8, 0])
    #expect(chunks.map(\.place) == [.textStart, .middle, .textStart])
  }
}
