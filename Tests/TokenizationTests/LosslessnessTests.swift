import TestSupport
import Testing
import Tokenization

@Suite struct LosslessnessTests {
  @Test(arguments: [ModelType.unigram, .bpe, .char])
  func givesBackEveryByteOfUTF8(_ type: ModelType) throws {
    let tokenizer = try Tokenizer(trained: type)
    var random = SeededGenerator(seed: 7)
    for _ in 0..<3000 {
      let text = Array(randomText(using: &random).utf8)
      let ids = try tokenizer.encode(text)
      #expect(try tokenizer.decode(ids) == text)
      #expect(!ids.contains { $0 == tokenizer.unknownID })
    }
  }

  @Test(arguments: [ModelType.unigram, .bpe, .char])
  func givesBackBytesThatAreNotUTF8(_ type: ModelType) throws {
    let tokenizer = try Tokenizer(trained: type)
    var random = SeededGenerator(seed: 8)
    for _ in 0..<1000 {
      let text = (0..<Int.random(in: 0...60, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(try tokenizer.decode(tokenizer.encode(text, invalid: .bytes)) == text)
    }
  }

  /// Texts with damage: chunks, whole encoding and decoding agree, and invalid bytes are refused or kept.
  private func readDamaged(_ name: String, _ tokenizer: Tokenizer) {
    fuzz("round trip, \(name)", inputs: 100, accepted: 0.02...0.98) { damage, input in
      let text = damage.damaged((0..<3).flatMap { _ in Array(randomText(using: &damage.random).utf8) } + [0x61])
      let ids = try tokenizer.encode(text, invalid: .bytes)
      #expect(try tokenizer.decode(ids) == text, "\(input)")
      var chunker = TextChunker(tokenizer)
      var chunks: [TextChunk] = []
      let cut = damage.number(below: text.count)
      chunker.append(text.span.extracting(0..<cut), to: &chunks)
      chunker.append(text.span.extracting(cut..<text.count), to: &chunks)
      chunker.finish(to: &chunks)
      var chunked: [Int32] = []
      for chunk in chunks { try tokenizer.encode(chunk, invalid: .bytes, source: "text", to: &chunked) }
      #expect(chunked == ids, "\(input)")
      do throws(TokenizerError) {
        let strict = try tokenizer.encode(text)
        #expect(strict == ids, "\(input)")
        return true
      } catch {
        return false
      }
    }
  }

  @Test(arguments: [ModelType.unigram, .bpe, .char])
  func damagedTextsComeBack(_ type: ModelType) throws {
    readDamaged(type.rawValue, try Tokenizer(trained: type))
  }

  @Test func damagedTextsComeBackFromByteLevelPieces() throws {
    readDamaged("llama3", try Tokenizer(model: ByteLevelTests.bytes("llama3"), path: "llama3.json"))
  }

  @Test(arguments: [ModelType.unigram, .bpe, .char])
  func streamsTheSameTextInWholeCharacters(_ type: ModelType) throws {
    let tokenizer = try Tokenizer(trained: type)
    var random = SeededGenerator(seed: 9)
    for _ in 0..<1000 {
      let text = randomText(using: &random)
      var stream = TextStream(tokenizer, startsText: true)
      var parts = try tokenizer.encode(Array(text.utf8)).map { stream.append($0) }
      parts.append(stream.finish())
      #expect(Array(parts.joined().utf8) == Array(text.utf8))
    }
  }

  @Test func aWordVocabularyLosesSpacesAndWordsThatLookLikePieces() throws {
    var settings = TokenizerTrainer.Settings(vocabularySize: 400)
    settings.modelType = .word
    #expect(!settings.isLossless)
    let tokenizer = try Tokenizer(trained: .word, vocabularySize: 400)
    #expect(try tokenizer.decode(tokenizer.encode(Array("the xyzzy".utf8))) == Array("the\u{2581}xyzzy".utf8))
    #expect(try tokenizer.decode(tokenizer.encode(Array("<0x0A>".utf8))) == [0x0A])
    var random = SeededGenerator(seed: 7)
    for _ in 0..<3000 {
      let text = randomText(using: &random)
      if text.contains("<0x0A>") { continue }
      let decoded = try String(decoding: tokenizer.decode(tokenizer.encode(Array(text.utf8))), as: UTF8.self)
      #expect(spaced(decoded) == spaced(text))
    }
  }

  private func spaced(_ text: String) -> [Unicode.Scalar] { text.unicodeScalars.map { $0 == "\u{2581}" ? " " : $0 } }

  @Test(arguments: [ModelType.unigram, .bpe, .char])
  func givesBackSpacesWhenTheTrainingTextHadNone(_ type: ModelType) throws {
    let lines = String(decoding: sampleText(lineCount: 300), as: UTF8.self).split(separator: " ").joined()
    let model = try trainedModel(type, vocabularySize: type == .char ? 600 : 400, text: Array(lines.utf8))
    let tokenizer = try Tokenizer(model: model, path: "m")
    #expect(try tokenizer.decode(tokenizer.encode(Array(" a  b ".utf8))) == Array(" a  b ".utf8))
  }

  @Test func losesTextWithoutByteFallback() throws {
    let model = try trainedModel(.unigram, vocabularySize: 300, byteFallback: false)
    let tokenizer = try Tokenizer(model: model, path: "m")
    #expect(!tokenizer.hasByteFallback)
    #expect(try tokenizer.encode(Array("ж".utf8)) == [tokenizer.unknownID])
    #expect(try tokenizer.encode(Array("\u{2581}".utf8)) == [tokenizer.unknownID])
    #expect(try tokenizer.encode([0xFF], invalid: .bytes) == [tokenizer.unknownID])
  }
}
