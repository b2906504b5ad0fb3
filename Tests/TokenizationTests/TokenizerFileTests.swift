import Foundation
import TestSupport
import Testing
import Tokenization

/// What a `tokenizer.json` must be to be read.
@Suite struct TokenizerFileTests {
  /// The fixture with one place changed.
  private func changed(_ name: String, _ old: String, _ new: String) throws -> [UInt8] {
    let text = String(decoding: try ByteLevelTests.bytes(name), as: UTF8.self)
    try #require(text.contains(old), "\(old)")
    return Array(text.replacing(old, with: new, maxReplacements: 1).utf8)
  }

  private func refusal(_ model: [UInt8]) -> TokenizerError? {
    do throws(TokenizerError) {
      _ = try Tokenizer(model: model, path: "tokenizer.json")
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    (#""type":"BPE""#, #""type":"WordPiece""#, "model: expected byte-level BPE, found WordPiece"),
    (#""type":"BPE""#, #""type":"Unigram""#, "model: expected byte-level BPE, found Unigram"),
    (#""dropout":null"#, #""dropout":0.1"#, "model BPE: expected no 'dropout', which makes ids random"),
    (#""end_of_word_suffix":null"#, #""end_of_word_suffix":"</w>""#, "model BPE: expected no 'end_of_word_suffix'"),
    (#""normalizer":{"type":"NFC"}"#, #""normalizer":{"type":"NFKC"}"#, "normalizer: expected none or NFC, found NFKC"),
    (
      #""pre_tokenizer":{"type":"ByteLevel""#, #""pre_tokenizer":{"type":"Metaspace""#,
      "pre_tokenizer: expected ByteLevel, or Split and ByteLevel, found Metaspace"
    ),
    (
      #""use_regex":true},"post"#, #""use_regex":false},"post"#,
      "pre_tokenizer ByteLevel: expected 'use_regex', or Split before it"
    ),
    (
      #""decoder":{"type":"ByteLevel""#, #""decoder":{"type":"BPEDecoder""#,
      "decoder: expected ByteLevel, found BPEDecoder"
    ),
    (#""Ġ":"#, #""ж":"#, "vocab: expected a piece for each byte, found none for byte 32 ('Ġ')"),
    (#""merges":[["#, #""merges":[["q","q"],["#, "merges[0]: expected two pieces that are a piece together"),
    (
      #""lstrip":false,"rstrip":false,"normalized":true"#, #""lstrip":true,"rstrip":false,"normalized":true"#,
      "added token '    ': expected no 'lstrip'"
    ),
    (#""content":"    ""#, #""content":"é""#, "added token 'é': expected the id"),
  ])
  func otherKindsAreRefusedByName(_ old: String, _ new: String, _ reason: String) throws {
    let error = refusal(try changed("neox", old, new))
    let message = "tokenizer.json: not a usable tokenizer.json: \(reason)"
    #expect(error?.description.hasPrefix(message) == true, "\(String(describing: error))")
    #expect(error?.hint?.contains("tokenizer.model") == true)
  }

  @Test func unknownPatternsAreRefused() throws {
    let error = refusal(try changed("llama3", #"\\p{N}{1,3}"#, #"\\p{N}{1,4}"#))
    #expect(error?.description.contains("pre_tokenizer Split: expected the pattern of GPT-2") == true)
  }

  @Test(arguments: [
    "{", "{}", "{\"model\":", "{\"model\":1}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\u+12\"}", "{\"a\":01x}",
    "{\"a\":nul}",
    "{\"a\":\"\u{1}\"}", "{\"a\":1e999}", "{} x",
    "{\"a\":" + String(repeating: "[", count: 100_000),
  ])
  func brokenJSONIsRefused(_ text: String) throws {
    guard case .invalidTokenizerFile = refusal(Array(text.utf8)) else {
      Issue.record("\(text.prefix(40)): \(String(describing: refusal(Array(text.utf8))))")
      return
    }
  }

  @Test func mutatedFilesAreRefusedOrWork() throws {
    let model = try ByteLevelTests.bytes("neox")
    let text = Array("In the beginning  é e\u{301}\n\n1234 '’s".utf8)
    fuzz("tokenizer.json", inputs: 500, accepted: 0.001...0.75) { damage, _ in
      do throws(TokenizerError) {
        let tokenizer = try Tokenizer(model: damage.damagedText(model), path: "tokenizer.json")
        let ids = try tokenizer.encode(text)
        for id in ids { try tokenizer.checkID(id) }
        _ = try tokenizer.decode(ids)
        return true
      } catch {
        #expect(error.description.hasPrefix("tokenizer.json: "))
        return false
      }
    }
  }

  @Test func escapesAndOldMergesAreRead() throws {
    let text = String(decoding: try ByteLevelTests.bytes("neox"), as: UTF8.self)
    // As versions before 0.20 wrote merges, and as Python's json writes characters beyond ASCII.
    let old = text.replacing(/\["([^"]*)","([^"]*)"\]/) { "\"\($0.output.1) \($0.output.2)\"" }
      .replacing("Ġ", with: "\\u0120")
    #expect(old != text)
    let sample = Array("the heaven and  the earth, \u{E9}t\u{E9}".utf8)
    let expected = try Tokenizer(model: Array(text.utf8), path: "new").encode(sample)
    #expect(try Tokenizer(model: Array(old.utf8), path: "old").encode(sample) == expected)
  }

  @Test func theFileGoesOutUnchanged() throws {
    let tokenizer = try Tokenizer(model: ByteLevelTests.bytes("llama3"), path: "tokenizer.json")
    #expect(tokenizer.fileName == "tokenizer.json")
    let exported = try HuggingFaceTokenizer(tokenizer, startsWithBOS: true)
    #expect(exported.files.map(\.name) == ["tokenizer_config.json"] && exported.hasExactScores)
    let settings = try #require(
      try JSONSerialization.jsonObject(with: Data(exported.files[0].bytes)) as? [String: Any])
    #expect(settings["bos_token"] as? String == "<|begin_of_text|>")
    #expect(settings["eos_token"] as? String == "<|end_of_text|>")
    #expect(settings["unk_token"] == nil)
  }
}
