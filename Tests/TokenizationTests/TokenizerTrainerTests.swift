import TestSupport
import Testing
import Tokenization

@Suite struct TokenizerTrainerTests {
  @Test(arguments: [ModelType.unigram, .bpe, .word])
  func namesTheLargestVocabularyThatTheTextFills(_ type: ModelType) throws {
    let text = sampleText(lineCount: 60)
    let error = try #require(throws: TokenizerError.self) {
      try trainedModel(type, vocabularySize: 20_000, text: text)
    }
    guard case .vocabularyTooLarge(20_000, let largest) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(error.hint?.contains("\(largest)") == true)
    let model = try trainedModel(type, vocabularySize: largest, text: text)
    #expect(try Tokenizer(model: model, path: "m").vocabularySize == largest)
  }

  @Test(arguments: [ModelType.unigram, .bpe])
  func namesTheSmallestVocabularyThatHoldsTheText(_ type: ModelType) throws {
    let error = try #require(throws: TokenizerError.self) { try trainedModel(type, vocabularySize: 200) }
    guard case .vocabularyTooSmall(200, let smallest) = error else {
      Issue.record("\(error)")
      return
    }
    let tokenizer = try Tokenizer(model: trainedModel(type, vocabularySize: smallest), path: "m")
    #expect(tokenizer.vocabularySize == smallest)
  }

  @Test(arguments: 1...12)
  func refusesTinyVocabularies(_ vocabularySize: Int) throws {
    for type in ModelType.allCases where type != .char {
      let error = #expect(throws: TokenizerError.self) { try trainedModel(type, vocabularySize: vocabularySize) }
      guard case .vocabularyTooSmall(vocabularySize, let smallest) = error else {
        Issue.record("\(type): \(String(describing: error))")
        continue
      }
      let tokenizer = try Tokenizer(model: trainedModel(type, vocabularySize: smallest), path: "m")
      #expect(tokenizer.vocabularySize == smallest)
    }
  }

  @Test func namesTheOnlySizeOfACharVocabulary() throws {
    func train(_ size: Int) throws -> Tokenizer {
      var settings = TokenizerTrainer.Settings(vocabularySize: size)
      settings.modelType = .char
      var trainer = try TokenizerTrainer(settings)
      try trainer.append(Array("né the\n".utf8).span, source: "sample")
      return try Tokenizer(model: trainer.train(), path: "m")
    }
    // <unk>, <s>, </s>, 256 bytes; n, é, space, t, h, e, newline.
    let size = 266
    #expect(throws: TokenizerError.vocabularyTooLarge(requested: 5_000, largest: size)) { try train(5_000) }
    #expect(throws: TokenizerError.vocabularyTooLarge(requested: size + 1, largest: size)) { try train(size + 1) }
    for small in [1, 100, 259, size - 1] {
      #expect(throws: TokenizerError.vocabularyTooSmall(requested: small, smallest: size)) { try train(small) }
    }
    #expect(try train(size).vocabularySize == size)
  }

  /// SentencePiece's BPE trainer crashes beyond 32,769 characters without a space.
  @Test(arguments: [
    (ModelType.unigram, 40_000, 300), (.bpe, 40_000, 300), (.bpe, 200_000, 900), (.word, 40_000, 262),
    (.word, 200_000, 262), (.char, 40_000, 264), (.char, 200_000, 264),
  ])
  func trainsOnTextWithoutSpaces(_ type: ModelType, _ count: Int, _ size: Int) throws {
    var random = SeededGenerator(seed: 30)
    let text = (0..<count).map { _ in [UInt8]("ACGT".utf8).randomElement(using: &random) ?? 0 }
    let tokenizer = try Tokenizer(model: trainedModel(type, vocabularySize: size, text: text), path: "m")
    #expect(tokenizer.vocabularySize == size)
    let sample = Array(text.prefix(1_000))
    let ids = try tokenizer.encode(sample)
    #expect(try tokenizer.decode(ids) == sample)
    // All pairs of four letters are pieces.
    if type == .bpe || type == .unigram { #expect(ids.count <= 500) }
  }

  @Test func trainsOnCharactersThatNormalisationMakesLonger() throws {
    // U+33AF is six characters; 15,000 of them are 45,000 bytes and 90,000 characters.
    let text = Array(String(repeating: "\u{33AF}", count: 15_000).utf8)
    let model = try trainedModel(.bpe, vocabularySize: 268, normalization: "nfkc", text: text)
    #expect(try Tokenizer(model: model, path: "m").vocabularySize == 268)
    // And three bytes of U+3316 are eighteen: a word must not become longer than a piece may be.
    let words = Array(String(repeating: "\u{3316}", count: 15_000).utf8)
    #expect(throws: TokenizerError.self) { try trainedModel(.word, normalization: "nfkc", text: words) }
  }

  @Test(arguments: ["1\n2\n3\n4\n", "\n\n\n", "   ", "a", "x\ny\n\n", "\u{1}\u{2}\n", "\0\0"])
  func tellsTheSizesOfShortTexts(_ text: String) throws {
    for type in ModelType.allCases where type != .char {
      for size in [1, 2, 100, 30_000] {
        do throws(TokenizerError) {
          _ = try trainedModel(type, vocabularySize: size, text: Array(text.utf8))
          Issue.record("\(type) \(size)")
        } catch .vocabularyTooSmall(_, let size), .vocabularyTooLarge(_, let size) {
          _ = try trainedModel(type, vocabularySize: size, text: Array(text.utf8))
        } catch {
          Issue.record("\(type) \(size): \(error)")
        }
      }
    }
    let model = try trainedModel(.char, text: Array(text.utf8))
    #expect(try Tokenizer(model: model, path: "m").vocabularySize >= 260)
  }

  @Test(arguments: ["\n\nx", "a\nb", "\u{2581}", "a\u{2581}b"])
  func refusesSymbolsThatNoTextBecomes(_ symbol: String) throws {
    var settings = TokenizerTrainer.Settings(vocabularySize: 500)
    settings.userDefinedSymbols = [symbol]
    let error = #expect(throws: TokenizerError.self) { try TokenizerTrainer(settings) }
    #expect(error?.description.hasPrefix("--user-defined-symbols: expected ") == true)
    #expect(error?.description.contains("\n") == false)
  }

  @Test func refusesSymbolsThatTheirModelChanges() throws {
    for (type, rule, symbol) in [(ModelType.bpe, "nfkc_cf", "Two Words"), (.word, "identity", "two words")] {
      let error = #expect(throws: TokenizerError.self) {
        try trainedModel(type, vocabularySize: 300, normalization: rule, symbols: [symbol])
      }
      #expect(error?.description.contains("--normalization \(rule), found '\(symbol)'") == true, "\(type)")
    }
    #expect(throws: Never.self) {
      try trainedModel(.bpe, vocabularySize: 320, normalization: "nfkc_cf", symbols: ["two words", ".\n"])
    }
  }

  @Test func refusesSymbolsThatNestTooDeep() throws {
    func settings(_ count: Int) -> TokenizerTrainer.Settings {
      var settings = TokenizerTrainer.Settings(vocabularySize: 500)
      settings.userDefinedSymbols = (1...count).map { String(repeating: "x", count: $0) }
      return settings
    }
    #expect(throws: Never.self) { try TokenizerTrainer(settings(64)) }
    #expect(throws: TokenizerError.self) { try TokenizerTrainer(settings(65)) }
  }

  @Test(arguments: ModelType.allCases)
  func saysWhenThereIsNoText(_ type: ModelType) throws {
    #expect(throws: TokenizerError.noTrainingText) { try trainedModel(type, text: []) }
    #expect(throws: TokenizerError.noTrainingText) { try trainedModel(type, text: Array("\u{2581}\u{2585}".utf8)) }
  }

  @Test(arguments: ModelType.allCases)
  func givesTheSameModelForTheSameText(_ type: ModelType) throws {
    #expect(try trainedModel(type, vocabularySize: 400) == trainedModel(type, vocabularySize: 400))
  }

  @Test func keepsUserDefinedSymbolsWhole() throws {
    let symbols = ["<|end|>", "a,b", "\"quoted\"", "two words"]
    let tokenizer = try Tokenizer(trained: .unigram, symbols: symbols)
    for symbol in symbols {
      let ids = try tokenizer.encode(Array(symbol.utf8))
      #expect(ids.count == 1, "\(symbol)")
      #expect(tokenizer.kind(of: ids[0]) == .userDefined)
      #expect(try tokenizer.decode(ids) == Array(symbol.utf8))
    }
  }

  @Test(arguments: [
    " ", "\u{2581}", "two words", "a", "e", "\n", ".\n", "<s>", "<unk>", "<pad>", "<0x41>", "\u{2585}", "\t", "\u{301}",
    ",", "\"",
    "<a>,<a>", "the", "\u{FFFD}", "\"\u{301}", " \u{301}", "\r\n",
  ])
  func takesOrRefusesOddSymbols(_ symbol: String) throws {
    for type in ModelType.allCases {
      for text in [sampleText(lineCount: 300), Array("two words\ntwo words\n".utf8), Array("aaaa".utf8)] {
        do throws(TokenizerError) {
          let tokenizer = try Tokenizer(
            model: trainedModel(type, vocabularySize: 330, symbols: [symbol], text: text), path: "m")
          let sample = Array("two words \(symbol) a\n".utf8)
          let decoded = try tokenizer.decode(tokenizer.encode(sample))
          #expect(decoded == sample || type == .word, "\(type) \(symbol)")
        } catch {
          #expect(!error.description.isEmpty)
        }
      }
    }
  }

  @Test func learnsPiecesThatEndLines() throws {
    let tokenizer = try Tokenizer(trained: .unigram)
    #expect((0..<600).contains { tokenizer.piece(of: $0).hasSuffix(".\n") })
  }

  @Test(arguments: ["\u{2585}", "\u{2581}"])
  func learnsFromTextWithReservedCharacters(_ character: String) throws {
    let plain = sampleText(lineCount: 400)
    let text = plain.flatMap { $0 == UInt8(ascii: "\n") ? Array(character.utf8) + [$0] : [$0] }
    let tokenizer = try Tokenizer(model: trainedModel(.unigram, text: text), path: "m")
    #expect(try tokenizer.encode(plain).count < plain.count / 2)
  }

  @Test func samplesTextBeyondTheLimit() throws {
    let text = sampleText(lineCount: 6000)
    func trainer(seed: UInt64) throws -> TokenizerTrainer {
      var settings = TokenizerTrainer.Settings(vocabularySize: 500)
      settings.byteLimit = 100_000
      settings.seed = seed
      var trainer = try TokenizerTrainer(settings)
      try trainer.append(text.span, source: "sample")
      return trainer
    }
    let sampled = try trainer(seed: 1)
    #expect(sampled.byteCount == text.count)
    #expect(70_000...100_000 ~= sampled.sampledByteCount)
    #expect(try sampled.train() == trainer(seed: 1).train())
    #expect(try sampled.train() != trainer(seed: 2).train())
  }

  @Test func refusesTextThatIsNotUTF8() throws {
    #expect(throws: TokenizerError.invalidText(source: "sample", offset: 5, line: 2)) {
      try trainedModel(.bpe, text: Array("ab\ncd".utf8) + [0xFF])
    }
  }

  @Test func refusesSettingsOutsideTheirRanges() throws {
    let changes: [(inout TokenizerTrainer.Settings) -> Void] = [
      { $0.vocabularySize = 0 }, { $0.characterCoverage = 0.5 }, { $0.characterCoverage = .nan },
      { $0.normalization = "none" }, { $0.byteLimit = 10 }, { $0.userDefinedSymbols = [""] },
      { $0.userDefinedSymbols = ["a\0b"] }, { $0.userDefinedSymbols = ["<s>"] }, { $0.userDefinedSymbols = ["<0x41>"] },
      { $0.userDefinedSymbols = ["a", "a"] },
      { $0.byteLimit = -1 }, { $0.byteLimit = 1 << 40 },
    ]
    for change in changes {
      var settings = TokenizerTrainer.Settings(vocabularySize: 500)
      change(&settings)
      let error = #expect(throws: TokenizerError.self) { try TokenizerTrainer(settings) }
      guard case .invalidSetting = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
  }
}
