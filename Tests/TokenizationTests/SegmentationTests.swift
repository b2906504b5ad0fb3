import Testing
import Tokenization

@Suite struct SegmentationTests {
  private static let lines: [String] = [
    "the kalo minter ", "né👩‍👩‍👧 ing", "a\u{2581}b the\u{2581}\u{2581}", "x", "<s> the </s>\n", "the\0ing\r\n",
  ]

  private func best(_ text: [UInt8], _ limit: Int, _ tokenizer: Tokenizer) throws -> [Segmentation] {
    var encoder = TextEncoder(tokenizer, invalid: .bytes, source: "text")
    var best = [Segmentation.empty]
    try encoder.append(text.span, limit: limit, to: &best)
    try encoder.finish(limit: limit, to: &best)
    return best
  }

  @Test(arguments: lines)
  func theBestOfManyIsTheEncoding(_ line: String) throws {
    let tokenizer = try Tokenizer(trained: .unigram)
    let text = Array(line.utf8)
    for limit in [1, 2, 7, 64] {
      let ways = try best(text, limit, tokenizer)
      #expect(try ways.count <= limit && ways[0].ids == tokenizer.encode(text))
      #expect(Set(ways.map(\.ids)).count == ways.count)
      for (way, next) in zip(ways, ways.dropFirst()) { #expect(way.score >= next.score) }
      for way in ways { #expect(try tokenizer.decode(way.ids) == text) }
    }
    // Fewer only if there are no more.
    #expect(try best(text, 7, tokenizer) == Array(best(text, 64, tokenizer).prefix(7)))
  }

  @Test func partsAreJoinedInTheOrderOfTheirSums() throws {
    let tokenizer = try Tokenizer(trained: .unigram)
    let (first, second) = (Array("the kalo\n".utf8), Array("minter\n".utf8))
    let (a, b) = (try best(first, 40, tokenizer), try best(second, 40, tokenizer))
    let sums = a.flatMap { a in b.map { a.score + $0.score } }.sorted(by: >)
    let joined = try best(first + second, 40, tokenizer)
    #expect(joined.map(\.score) == Array(sums.prefix(40)))
  }

  @Test func bytesThatAreNotTextStandInEachWay() throws {
    let tokenizer = try Tokenizer(trained: .unigram)
    let text = Array("the ".utf8) + [0xFF, 0xC3] + Array("ing".utf8)
    let ways = try best(text, 5, tokenizer)
    #expect((2...5).contains(ways.count))
    for way in ways { #expect(try tokenizer.decode(way.ids) == text) }
  }

  @Test(arguments: [ModelType.unigram, .bpe])
  func drawnEncodingsAreTheText(_ type: ModelType) throws {
    let tokenizer = try Tokenizer(trained: type)
    let text = Array(String(repeating: Self.lines.joined(separator: " "), count: 3).utf8)
    var found: Set<[Int32]> = []
    let limits = type == .unigram ? [nil, 20] : [nil]
    for limit in limits {
      for _ in 0..<20 {
        var encoder = TextEncoder(
          tokenizer, invalid: .refuse, source: "text", sampling: Sampling(alpha: 0.3, limit: limit, seed: 5))
        var ids: [Int32] = []
        try encoder.append(text.span, to: &ids)
        try encoder.finish(to: &ids)
        #expect(try tokenizer.decode(ids) == text)
        found.insert(ids)
      }
    }
    #expect(found.count > 10)
  }
}
