import Foundation
import TestSupport
import Testing
import Tokenization

/// What `tokenizer.json` says of a vocabulary. scripts/check-export.sh compares ids with the program that reads it.
@Suite struct HuggingFaceTokenizerTests {
  private static let text = (0..<400).map { "line \($0 % 37) of the <text>, \"quoted\" \\ twice\n" }.joined()

  private func tokenizer(_ change: (inout TokenizerTrainer.Settings) -> Void) throws -> Tokenizer {
    var settings = TokenizerTrainer.Settings(vocabularySize: 292)
    change(&settings)
    var trainer = try TokenizerTrainer(settings)
    try trainer.append(Array(Self.text.utf8).span, source: "text")
    return try Tokenizer(model: trainer.train(), path: "trained")
  }

  private func files(_ tokenizer: Tokenizer, startsWithBOS: Bool = true) throws -> [String: [String: Any]] {
    let found = try HuggingFaceTokenizer(tokenizer, startsWithBOS: startsWithBOS).files
    return try Dictionary(
      uniqueKeysWithValues: found.map { name, bytes in
        (name, try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]))
      })
  }

  @Test func aUnigramVocabularyKeepsItsOrderAndScores() throws {
    let tokenizer = try tokenizer { _ in }
    let json = try #require(try files(tokenizer)["tokenizer.json"])
    let model = try #require(json["model"] as? [String: Any])
    #expect(model["type"] as? String == "Unigram" && model["byte_fallback"] as? Bool == true)
    #expect(model["unk_id"] as? Int == tokenizer.unknownID.map { Int($0) })
    let vocabulary = try #require(model["vocab"] as? [[Any]])
    #expect(vocabulary.count == tokenizer.vocabularySize)
    for (id, entry) in vocabulary.enumerated() {
      let piece = tokenizer.piece(of: Int32(id)).replacingOccurrences(of: "\u{2581}", with: " ")
      #expect(entry[0] as? String == piece)
    }
    // Pieces that text must not produce have the lowest score.
    let scores = vocabulary.compactMap { $0[1] as? Double }
    #expect(scores.min() == scores[Int(try #require(tokenizer.unknownID))])
    // Sums of multiples of 1/64 have no rounding errors.
    for (id, score) in scores.enumerated() where tokenizer.kind(of: Int32(id)) == .normal {
      #expect(score * 64 == (score * 64).rounded())
    }
    #expect(try HuggingFaceTokenizer(tokenizer, startsWithBOS: true).hasExactScores)
    #expect((json["decoder"] as? [String: Any])?["type"] as? String == "Sequence")
    #expect(
      (json["added_tokens"] as? [[String: Any]])?.compactMap { $0["content"] as? String } == ["<unk>", "<s>", "</s>"])
  }

  @Test func everyMergeOfABPEVocabularyMakesAPiece() throws {
    let tokenizer = try tokenizer { $0.modelType = .bpe }
    let model = try #require(try files(tokenizer)["tokenizer.json"]?["model"] as? [String: Any])
    let vocabulary = try #require(model["vocab"] as? [String: Int])
    let merges = try #require(model["merges"] as? [[String]])
    #expect(vocabulary.count == tokenizer.vocabularySize && !merges.isEmpty)
    for merge in merges {
      #expect(vocabulary[merge[0]] != nil && vocabulary[merge[1]] != nil && vocabulary[merge[0] + merge[1]] != nil)
    }
    // The ids of SentencePiece's BPE rise as scores fall, and the best merge comes first.
    let ids = merges.compactMap { vocabulary[$0[0] + $0[1]] }
    #expect(ids == ids.sorted())
  }

  @Test func bosIsATemplate() throws {
    let tokenizer = try tokenizer { _ in }
    for startsWithBOS in [true, false] {
      let files = try files(tokenizer, startsWithBOS: startsWithBOS)
      let configuration = try #require(files["tokenizer_config.json"])
      #expect(configuration["add_bos_token"] as? Bool == startsWithBOS)
      #expect(configuration["bos_token"] as? String == "<s>" && configuration["eos_token"] as? String == "</s>")
      #expect(configuration["split_special_tokens"] as? Bool == true)
      let processor = try #require(files["tokenizer.json"]?["post_processor"] as? [String: Any])
      #expect((processor["single"] as? [Any])?.count == (startsWithBOS ? 2 : 1))
    }
  }

  @Test(arguments: [
    (ModelType.word, "identity", "trainer_spec.model_type: a vocabulary of words has no counterpart"),
    (.unigram, "nmt_nfkc", "normalizer_spec.precompiled_charsmap: the rules 'nmt_nfkc' work on other units"),
  ])
  func whatCannotBeExpressedIsNamed(_ type: ModelType, _ normalization: String, _ message: String) throws {
    let tokenizer = try tokenizer {
      ($0.modelType, $0.normalization) = (type, normalization)
      if type == .word { $0.vocabularySize = 270 }
    }
    do {
      _ = try HuggingFaceTokenizer(tokenizer, startsWithBOS: true)
      Issue.record("nothing is refused")
    } catch {
      #expect("\(error)".hasPrefix(message), "\(error)")
    }
  }

  /// Strings are compared by canonical equivalence; pieces are not.
  @Test func equivalentPiecesStayApart() throws {
    var trainer = try TokenizerTrainer(TokenizerTrainer.Settings(vocabularySize: 267))
    try trainer.append(Array(String(repeating: "caf\u{E9} cafe\u{301} ", count: 50).utf8).span, source: "text")
    let tokenizer = try Tokenizer(model: trainer.train(), path: "trained")
    let bytes = try #require(try HuggingFaceTokenizer(tokenizer, startsWithBOS: true).files.first).bytes
    for piece in ["\"\u{E9}\"", "\"\u{301}\""] {
      #expect(Data(bytes).range(of: Data(piece.utf8)) != nil, "\(piece)")
    }
  }
}
