import TestSupport
import Testing
import Tokenization

@Suite struct HostileModelTests {
  private static let text = Array("the kalo né \u{2581}👩‍👧 \u{FB01}\u{FF21}ﷺ\n x\t\0".utf8)

  /// - Returns: Whether the model could be loaded.
  private func use(_ model: [UInt8]) -> Bool {
    do throws(TokenizerError) {
      let tokenizer = try Tokenizer(model: model, path: "hostile.model")
      let ids = try tokenizer.encode(Self.text)
      for id in ids { try tokenizer.checkID(id) }
      _ = try tokenizer.decode(ids + (0..<Int32(tokenizer.vocabularySize)))
      return true
    } catch {
      #expect(error.description.hasPrefix("hostile.model: "))
      return false
    }
  }

  @Test(arguments: [ModelType.unigram, .bpe, .word, .char])
  func survivesMutatedModels(_ type: ModelType) throws {
    let model = try trainedModel(type, vocabularySize: 400, symbols: ["<a>", "<ab>"])
    fuzz("SentencePiece model, \(type)", inputs: 400) { damage, _ in
      // Half of the damage is in the last part, where the settings and rules are.
      use(damage.damaged(model, in: damage.once(in: 2) ? model.count - 400..<model.count : nil))
    }
  }

  @Test func survivesMutatedNormalisationRules() throws {
    let model = try trainedModel(.unigram, vocabularySize: 400, normalization: "nmt_nfkc")
    fuzz("SentencePiece rules", inputs: 200, accepted: 0...0.99) { damage, _ in
      var hostile = model
      for _ in 0..<20 {
        // Behind the pieces, nearly all of the model is rules.
        hostile[model.count - 200_000 + damage.number(below: 200_000)] = UInt8(damage.number(below: 256))
      }
      return use(hostile)
    }
  }

  @Test func refusesEveryTruncation() throws {
    let model = try trainedModel(.bpe, vocabularySize: 300)
    for count in stride(from: 0, to: model.count - 1, by: 7) { _ = use(Array(model.prefix(count))) }
    #expect(use(Array(model.prefix(model.count / 2))) == false)
    #expect(use([]) == false)
  }

  @Test func saysWhatACutModelLacks() throws {
    let model = try trainedModel(.unigram, vocabularySize: 300)
    func reason(_ model: [UInt8]) -> String {
      let error = #expect(throws: TokenizerError.self) { try Tokenizer(model: model, path: "cut.model") }
      return error?.description ?? ""
    }
    // The pieces are fields of their own, each with its length; the settings follow them.
    var end = 0
    for _ in 0..<300 { end += 2 + Int(model[end + 1]) }
    #expect(
      reason(Array(model.prefix(end)))
        == "cut.model: not a usable SentencePiece model: expected trainer settings behind 300 pieces, found none: the "
        + "file is cut off")
    #expect(reason(Array(model.prefix(end - 5))).contains("is cut at byte"))
    // trainer_spec.byte_fallback is field 35.
    let message = reason(model + [0x12, 3, 0x98, 0x02, 0])
    #expect(message.hasSuffix(": expected no byte pieces, as byte fallback is off, found 256"))
  }

  @Test func refusesPiecesThatOverrunSentencePiece() throws {
    let model = try trainedModel(.bpe, vocabularySize: 300)
    func piece(_ text: [UInt8]) -> [UInt8] {
      let length = [UInt8(text.count & 0x7F | 0x80), UInt8(text.count >> 7)]
      let body = [0x0A] + length + text + [0x15, 0, 0, 0, 0, 0x18, 4]
      return [0x0A, UInt8(body.count & 0x7F | 0x80), UInt8(body.count >> 7)] + body
    }
    // 65 user-defined pieces that begin each other are one more than its matcher has room for.
    let nested = (1...65).flatMap { piece([UInt8](repeating: 0x78, count: $0)) }
    #expect(use(model + nested) == false)
    #expect(use(model + (1...64).flatMap { piece([UInt8](repeating: 0x78, count: $0)) }))
    #expect(use(model + piece([UInt8](repeating: 0x78, count: 5000))) == false)
    #expect(use(model + piece([0x78, 0])) == false)
  }
}
