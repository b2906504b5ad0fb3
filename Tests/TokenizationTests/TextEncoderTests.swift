import TestSupport
import Testing
import Tokenization

@Suite struct TextEncoderTests {
  private static let longWords = Array(String(repeating: "the kalo minter ", count: 12_000).utf8)
  private static let longCharacters = Array(String(repeating: "né👩‍👧", count: 12_000).utf8)
  // Each byte is an error that is thrown, of which the test runner takes a backtrace.
  private static let longBroken = [UInt8](repeating: 0x9F, count: 70_000)

  private func streamed(
    _ text: [UInt8], _ tokenizer: Tokenizer, by sizes: ClosedRange<Int>, seed: UInt64
  ) throws -> [Int32] {
    var random = SeededGenerator(seed: seed)
    var encoder = TextEncoder(tokenizer, invalid: .bytes, source: "text")
    var ids: [Int32] = []
    var start = 0
    while start < text.count {
      let end = min(text.count, start + Int.random(in: sizes, using: &random))
      try encoder.append(text.span.extracting(start..<end), to: &ids)
      start = end
    }
    try encoder.finish(to: &ids)
    return ids
  }

  @Test(arguments: [ModelType.unigram, .bpe], [1...1, 1...7, 1000...9000, 50_000...90_000])
  func givesTheSameIDsHoweverTheTextIsCut(_ type: ModelType, _ sizes: ClosedRange<Int>) throws {
    let tokenizer = try Tokenizer(trained: type)
    var random = SeededGenerator(seed: 3)
    let mixed = (0..<300).flatMap { _ in Array(randomText(using: &random).utf8) }
    for text in [mixed, Self.longWords, Self.longCharacters, Self.longBroken] {
      let whole = try tokenizer.encode(text, invalid: .bytes)
      #expect(try streamed(text, tokenizer, by: sizes, seed: 4) == whole)
      #expect(try tokenizer.decode(whole) == text)
    }
  }

  @Test func cutsALongLineBeforeASpace() throws {
    let tokenizer = try Tokenizer(trained: .unigram)
    let line = Self.longWords.prefix(1 << 16)
    let cut = try #require(line.lastIndex(of: UInt8(ascii: " ")))
    let parts = try tokenizer.encode(Array(line[..<cut])) + tokenizer.encode(Array(Self.longWords[cut..<100_000]))
    #expect(try tokenizer.encode(Array(Self.longWords[..<100_000])) == parts)
  }

  @Test func encodesLinesOnTheirOwn() throws {
    let tokenizer = try Tokenizer(trained: .bpe)
    let first = Array("the kalo.\n".utf8)
    let second = Array(" minter\n".utf8)
    #expect(try tokenizer.encode(first + second) == tokenizer.encode(first) + tokenizer.encode(second))
  }

  @Test func namesThePlaceOfInvalidText() throws {
    let tokenizer = try Tokenizer(trained: .bpe)
    let text = Array("one\ntwo\nthr".utf8) + [0xC3, 0x28]
    #expect(throws: TokenizerError.invalidText(source: "a.txt", offset: 11, line: 3)) {
      try tokenizer.encode(text, source: "a.txt")
    }
    let cut = Self.longCharacters + [0xF0, 0x9F]
    #expect(throws: TokenizerError.invalidText(source: "text", offset: Self.longCharacters.count, line: 1)) {
      try tokenizer.encode(cut)
    }
  }

  @Test func makesNothingOfNothing() throws {
    #expect(try Tokenizer(trained: .bpe).encode([]) == [])
  }

  @Test func canBeUsedForSeveralTexts() throws {
    let tokenizer = try Tokenizer(trained: .bpe)
    var encoder = TextEncoder(tokenizer, invalid: .refuse, source: "text")
    for text in ["the\nkalo", "ing\u{2581}"] {
      var ids: [Int32] = []
      try encoder.append(Array(text.utf8).span, to: &ids)
      try encoder.finish(to: &ids)
      #expect(try ids == tokenizer.encode(Array(text.utf8)))
    }
  }
}
