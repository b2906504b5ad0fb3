import Testing
import Tokenization

@Suite struct TokenStatisticsTests {
  private func statistics(_ tokenizer: Tokenizer, _ texts: [String]) throws -> TokenStatistics {
    var found = TokenStatistics(tokenizer)
    for text in texts { try found.append(Array(text.utf8).span, source: "text", invalid: .refuse) }
    return found
  }

  @Test func countsAreThoseOfTheIDs() throws {
    let tokenizer = try Tokenizer(trained: .bpe)
    let texts = ["kalo the ing\n", "ж", "the the the the"]
    let ids = try texts.map { try tokenizer.encode(Array($0.utf8)) }
    let found = try statistics(tokenizer, texts)
    #expect(found.documents == 3 && found.bytes == 30 && found.tokens == ids.joined().count)
    #expect(
      found.bytePieces == ids.joined().count { tokenizer.kind(of: $0) == .byte },
      "the bytes of one letter, and line ends")
    #expect(found.bytePieces >= 2 && found.unknown == 0 && found.changedDocuments == 0)
    #expect(found.longest.map(\.tokens) == ids.map(\.count).sorted().reversed())
    #expect(found.tokensByLength.reduce(0, +) == found.tokens)
    #expect(found.tokensByLength.enumerated().reduce(0) { $0 + $1.offset * $1.element } == found.bytes)
    let used = Set(ids.joined())
    let all = (0..<Int32(tokenizer.vocabularySize)).filter { tokenizer.kind(of: $0) == .normal }
    #expect(found.unusedIDs == all.filter { !used.contains($0) })
  }

  @Test func unknownPiecesAndChangesAreCounted() throws {
    let model = try trainedModel(.unigram, vocabularySize: 400, byteFallback: false)
    let tokenizer = try Tokenizer(model: model, path: "unigram.model")
    let found = try statistics(tokenizer, ["the ж", "the"])
    #expect(found.unknown == 1 && found.changedDocuments == 1)
  }

  @Test func aDocumentLargerThanABlockComesBack() throws {
    let tokenizer = try Tokenizer(trained: .bpe)
    let found = try statistics(tokenizer, [String(repeating: "the kalo\n", count: 200_000)])
    #expect(found.changedDocuments == 0 && found.bytes == 1_800_000 && found.documents == 1)
  }
}
