import Foundation
import TestSupport
import Testing
import Tokenization

/// Byte-level BPE against the ids of PyPI's `tokenizers`. scripts/check-byte-level.sh compares more texts.
@Suite struct ByteLevelTests {
  private struct Case: Decodable {
    let text: String
    let ids: [Int32]
  }

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Golden/byte-level")

  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: folder.appendingPathComponent("\(name).json")))
  }

  private func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(model: Self.bytes(name), path: "\(name).json")
  }

  private func cases(_ name: String) throws -> [Case] {
    try JSONDecoder().decode([Case].self, from: Data(Self.bytes("\(name)-cases")))
  }

  @Test(arguments: ["neox", "llama3"])
  func idsAreThoseOfTokenizers(_ name: String) throws {
    let tokenizer = try tokenizer(name)
    let cases = try cases(name)
    #expect(cases.count > 100)
    for found in cases {
      #expect(try tokenizer.encode(Array(found.text.utf8)) == found.ids, "\(found.text.debugDescription)")
    }
  }

  @Test(arguments: ["neox", "llama3"], [1, 2, 3, 7, 64])
  func idsDoNotDependOnHowTextArrives(_ name: String, _ length: Int) throws {
    let tokenizer = try tokenizer(name)
    for found in try cases(name) {
      let bytes = Array(found.text.utf8)
      var encoder = TextEncoder(tokenizer, invalid: .refuse, source: "pieces")
      var ids: [Int32] = []
      for start in stride(from: 0, to: bytes.count, by: length) {
        try encoder.append(bytes[start..<min(bytes.count, start + length)].span, to: &ids)
      }
      try encoder.finish(to: &ids)
      #expect(ids == found.ids, "\(found.text.debugDescription)")
    }
  }

  @Test func everyByteComesBack() throws {
    let tokenizer = try tokenizer("llama3")
    var random = SeededGenerator(seed: 3)
    for _ in 0..<2_000 {
      let text = Array(randomText(using: &random).utf8)
      #expect(try tokenizer.decode(tokenizer.encode(text)) == text)
      let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      #expect(try tokenizer.decode(tokenizer.encode(bytes, invalid: .bytes)) == bytes)
    }
  }

  @Test func aTextIsNormalisedWhereTheFileSaysSo() throws {
    let tokenizer = try tokenizer("neox")
    #expect(tokenizer.normalization == "nfc")
    #expect(try tokenizer.decode(tokenizer.encode(Array("e\u{301} \u{212B}".utf8))) == Array("\u{E9} \u{C5}".utf8))
    #expect(try self.tokenizer("llama3").normalization == "identity")
  }

  @Test func specialTokensAreFoundByTheirNames() throws {
    let neox = try tokenizer("neox")
    #expect(neox.bosID == 0 && neox.eosID == 0 && neox.padID == 1 && neox.unknownID == nil)
    let llama = try tokenizer("llama3")
    #expect(llama.bosID == 0 && llama.eosID == 1 && llama.padID == nil)
    #expect(llama.piece(of: 0) == "<|begin_of_text|>" && llama.kind(of: 0) == .control && llama.bytes(of: 0).isEmpty)
    // Text that spells a mark is text.
    let text = Array("<|end_of_text|>".utf8)
    let ids = try llama.encode(text)
    #expect(!ids.contains(1))
    #expect(try llama.decode([0] + ids + [1]) == text)
  }

  @Test func aStreamShowsWholeCharacters() throws {
    let tokenizer = try tokenizer("llama3")
    var stream = TextStream(tokenizer, startsText: true)
    let ids = try tokenizer.encode(Array("é👩‍👧".utf8))
    let parts = ids.map { stream.append($0) }
    #expect(parts.joined() + stream.finish() == "é👩‍👧")
    #expect(!parts.joined().contains("\u{FFFD}"))
  }

  @Test func aLineEndIsEncodedWhenTheLineEnds() throws {
    let tokenizer = try tokenizer("neox")
    var encoder = TextEncoder(tokenizer, invalid: .refuse, source: "lines")
    var ids: [Int32] = []
    try encoder.append(Array("the\n".utf8).span, to: &ids)
    #expect(try tokenizer.decode(ids) == Array("the".utf8))
    try encoder.endLine(to: &ids)
    #expect(try tokenizer.decode(ids) == Array("the\n".utf8))
  }

  @Test func errorsNameTheLine() throws {
    let tokenizer = try tokenizer("neox")
    #expect(throws: TokenizerError.invalidText(source: "text", offset: 5, line: 3)) {
      try tokenizer.encode(Array("a\nb c\n".utf8.dropLast(2)) + [0x0A, 0xFF, 0x20])
    }
  }

  /// A word of 3 MiB has no place to cut: it is cut by its length, and nothing is lost.
  @Test func memoryIsBoundedWithoutSpaces() throws {
    let tokenizer = try tokenizer("llama3")
    let text = [UInt8](repeating: UInt8(ascii: "a"), count: 3 << 20) + Array("é\n\n".utf8)
    var encoder = TextEncoder(tokenizer, invalid: .refuse, source: "word")
    var ids: [Int32] = []
    let (head, tail) = (text[..<(1 << 20 + 1 << 16)], text[(1 << 20 + 1 << 16)...])
    try encoder.append(head.span, to: &ids)
    #expect(!ids.isEmpty)
    try encoder.append(tail.span, to: &ids)
    try encoder.finish(to: &ids)
    #expect(try ids == tokenizer.encode(text))
    #expect(try tokenizer.decode(ids) == text)
  }
}
