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
    for type in ModelType.allCases {
      #expect(throws: TokenizerError.self) { try trainedModel(type, vocabularySize: vocabularySize) }
    }
  }

  @Test(arguments: ModelType.allCases)
  func saysWhenThereIsNoText(_ type: ModelType) throws {
    #expect(throws: TokenizerError.noTrainingText) { try trainedModel(type, text: []) }
    for text in ["\0\0", "\n\n", " ", "a"] {
      #expect(throws: TokenizerError.self) { try trainedModel(type, text: Array(text.utf8)) }
    }
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
    "<a>,<a>", "the", "\u{FFFD}",
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
