import TestSupport
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

  /// As `spm_train` makes them by default: with a dummy prefix, and whitespace removed.
  private func plain(_ type: ModelType) throws -> Tokenizer {
    let flags = normalizerFlags(dummyPrefix: true, removesWhitespace: true)
    return try Tokenizer(model: trainedModel(type, text: Self.alphabet) + flags, path: "plain.model")
  }

  private static let alphabet = sampleText(lineCount: 400) + Array("abcdefghij bcdfghij ghij cdfh fj j h f b\n".utf8)

  /// A cut at 64 KiB would add a prefix inside a line, one at 1 MiB would too.
  @Test(arguments: [70_000, 1_100_000])
  func addsNoSpaceInsideALongLine(_ count: Int) throws {
    let text = Array(String(repeating: "abcdefghij", count: count / 10).utf8)
    let char = try plain(.char)
    let ids = try char.encode(text)
    #expect(ids.count == count + 1)
    #expect(char.piece(of: ids[0]) == "\u{2581}" && !ids.dropFirst().contains(ids[0]))
    #expect(try char.decode(ids) == text)
    let bpe = try plain(.bpe)
    let pieces = try bpe.encode(text).map(bpe.piece(of:))
    #expect(pieces.joined() == "\u{2581}" + String(decoding: text, as: UTF8.self))
    // Up to 1 MiB nothing is cut, so that no piece is: the line repeats itself in its ids.
    if count < 1 << 20, let end = pieces.dropFirst().firstIndex(where: { $0.hasSuffix("j") }) {
      let period = pieces[(end + 1)...].prefix { !$0.hasSuffix("j") }.count + 1
      for index in (end + 1)..<(pieces.count - period) where pieces[index] != pieces[index + period] {
        Issue.record("piece \(index)")
        break
      }
    }
  }

  @Test func keepsTheSpacesOfALongLine() throws {
    let tokenizer = try plain(.unigram)
    // 65,536 and 1 MiB bytes without a space, and one behind them.
    for count in [1 << 16, 1 << 20] {
      let word = [UInt8](repeating: UInt8(ascii: "a"), count: count)
      let ids = try tokenizer.encode(word + Array("  the kalo\n".utf8))
      #expect(try tokenizer.decode(ids) == word + Array(" the kalo\n".utf8))
    }
    let words = Array(String(repeating: "the kalo ", count: 150_000).utf8)
    #expect(try tokenizer.decode(tokenizer.encode(words)) == words.dropLast())
  }

  @Test func addsNoSpaceBehindBytesThatItEncodesItself() throws {
    let tokenizer = try plain(.bpe)
    for text in ["the\u{2581}kalo", "the\u{2581} kalo\nthe\u{2581}kalo"] {
      let expected = text.replacing("\n", with: "\n ")
      #expect(try tokenizer.decode(tokenizer.encode(Array(text.utf8))) == Array(expected.utf8))
    }
    let broken = Array("the".utf8) + [0xFF] + Array("kalo".utf8)
    #expect(try tokenizer.decode(tokenizer.encode(broken, invalid: .bytes)) == broken)
  }

  @Test func countsTheBytesOfAFirstTokenWithoutThePrefix() throws {
    let tokenizer = try llama()
    for text in ["the kalo", " the", "né", "x"] {
      let ids = try tokenizer.encode(Array(text.utf8))
      #expect(try tokenizer.openingByteCount(of: ids[0]) == tokenizer.decode([ids[0]]).count)
    }
    let first = try tokenizer.encode(Array("the".utf8))[0]
    #expect(tokenizer.openingByteCount(of: first) == tokenizer.bytes(of: first).count - 1)
    #expect(tokenizer.openingByteCount(of: try #require(tokenizer.eosID)) == 0)
  }

  /// Field 24 of the trainer's settings, behind a model: spaces belong to the word before them.
  private func suffixed(removesWhitespace: Bool) throws -> Tokenizer {
    let flags = normalizerFlags(dummyPrefix: true, removesWhitespace: removesWhitespace) + [0x12, 3, 0xC0, 1, 1]
    return try Tokenizer(model: trainedModel(.bpe) + flags, path: "suffix.model")
  }

  @Test func aSpaceMayEndATextInsteadOfBeginningIt() throws {
    let tokenizer = try suffixed(removesWhitespace: false)
    #expect(try tokenizer.pieces("the").joined() == "the\u{2581}")
    #expect(try tokenizer.pieces(" the kalo").joined() == "\u{2581}the\u{2581}kalo\u{2581}")
    #expect(try tokenizer.pieces("the\nkalo").joined().replacing("<0x0A>", with: "\n") == "the\nkalo\u{2581}")
    #expect(try tokenizer.pieces("the\n").joined().replacing("<0x0A>", with: "\n") == "the\n")
    var random = SeededGenerator(seed: 12)
    for text in [" ", "the ", "\u{2581}", "the\u{2581}", "x\n\n"] + (0..<1000).map({ _ in randomText(using: &random) })
    {
      // A text that ends with a newline or a byte piece gets no space.
      let restored = try tokenizer.decode(tokenizer.encode(Array(text.utf8)))
      #expect(restored == Array(text.utf8) || restored + [UInt8(ascii: " ")] == Array(text.utf8), "\(text)")
    }
    var chunker = TextChunker(tokenizer)
    var chunks: [TextChunk] = []
    let long = Array(String(repeating: "the kalo\n", count: 20_000).utf8) + Array("ing".utf8)
    chunker.append(long.span, to: &chunks)
    chunker.finish(to: &chunks)
    var ids: [Int32] = []
    for chunk in chunks {
      let start = ids.count
      try tokenizer.encode(chunk, invalid: .refuse, source: "text", to: &ids)
      #expect(tokenizer.firstDifference(chunk, ids[start...]) == nil)
    }
    #expect(try chunks.count > 1 && ids == tokenizer.encode(long))
  }

  @Test func spacesAreRemovedAtTheEndToo() throws {
    let tokenizer = try suffixed(removesWhitespace: true)
    #expect(try tokenizer.pieces("  the  kalo ").joined() == "the\u{2581}kalo\u{2581}")
  }

  @Test func normalisesAsTheModelSays() throws {
    let tokenizer = try t5()
    #expect(tokenizer.normalization == "nmt_nfkc")
    #expect(try tokenizer.pieces("  the \u{FB06}ing  \u{FF54}he ").joined() == "\u{2581}the\u{2581}sting\u{2581}the")
    #expect(try tokenizer.decode(tokenizer.encode(Array("the\nkalo".utf8))) == Array("the kalo".utf8))
  }
}
