import Testing
import Tokenization

/// Models of other makers: with a dummy prefix (Llama, Mistral), with whitespace removed and NFKC (T5).
@Suite struct StockModelTests {
  private func llama(_ type: ModelType = .bpe) throws -> Tokenizer {
    let flags = normalizerFlags(dummyPrefix: true, removesWhitespace: false)
    return try Tokenizer(model: trainedModel(type) + flags, path: "llama.model")
  }

  private func t5() throws -> Tokenizer {
    let flags = normalizerFlags(dummyPrefix: true, removesWhitespace: true)
    let model = try trainedModel(.unigram, vocabularySize: 300, normalization: "nmt_nfkc", byteFallback: false)
    return try Tokenizer(model: model + flags, path: "t5.model")
  }

  @Test func putsASpaceBeforeATextOnly() throws {
    let pieces = try llama().pieces("the\nthe")
    #expect(pieces.joined() == "\u{2581}the<0x0A>the" || pieces.joined() == "\u{2581}the\nthe")
    #expect(try llama().pieces(" the").joined() == "\u{2581}\u{2581}the")
  }

  @Test(arguments: [ModelType.unigram, .bpe, .char])
  func takesTheSpaceAway(_ type: ModelType) throws {
    let tokenizer = try llama(type)
    var random = SeededGenerator(seed: 5)
    for text in [" ", "  the", "\u{2581}the", "\nthe", "\u{2581} x"]
      + (0..<1000).map({ _ in randomText(using: &random) })
    {
      #expect(try tokenizer.decode(tokenizer.encode(Array(text.utf8))) == Array(text.utf8))
    }
  }

  @Test func takesTheSpaceOfEachTextAway() throws {
    let tokenizer = try llama()
    let bos = try #require(tokenizer.bosID)
    let eos = try #require(tokenizer.eosID)
    let ids = try [bos] + tokenizer.encode(Array("the".utf8)) + [eos] + tokenizer.encode(Array("ing".utf8))
    #expect(try tokenizer.decode(ids) == Array("theing".utf8))
  }

  @Test func keepsTheSpaceInsideAText() throws {
    let tokenizer = try llama()
    let ids = try tokenizer.encode(Array("the".utf8))
    var continued = TextStream(tokenizer, startsText: false)
    #expect(ids.map { continued.append($0) }.joined() == " the")
    var started = TextStream(tokenizer, startsText: true)
    #expect(ids.map { started.append($0) }.joined() == "the")
  }

  @Test func normalisesAsTheModelSays() throws {
    let tokenizer = try t5()
    #expect(tokenizer.normalization == "nmt_nfkc")
    #expect(try tokenizer.pieces("  the \u{FB06}ing  \u{FF54}he ").joined() == "\u{2581}the\u{2581}sting\u{2581}the")
    #expect(try tokenizer.decode(tokenizer.encode(Array("the\nkalo".utf8))) == Array("the kalo".utf8))
  }
}
