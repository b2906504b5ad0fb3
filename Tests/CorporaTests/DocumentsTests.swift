import Corpora
import Files
import TestSupport
import Testing

@Suite struct DocumentsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func documents(_ text: String, _ rule: DocumentRule) throws -> [String] {
    let file = try MappedFile(path: folder.add("text", Array(text.utf8)))
    var documents: [String] = []
    var lastPosition = 0
    try Documents(file, rule: rule).forEach { bytes, position in
      documents.append(String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self))
      #expect(position > lastPosition && position <= file.byteCount)
      lastPosition = position
    }
    return documents
  }

  @Test func fileIsOneDocument() throws {
    #expect(try documents("a\n\nb\n", .file) == ["a\n\nb\n"])
  }

  @Test func lineLosesItsLineEndOnly() throws {
    #expect(try documents("a\n\n b \r\nc", .line) == ["a", " b ", "c"])
    #expect(try documents("a\r\n\r\n\rb\r\n\r\n", .line) == ["a", "\rb"])
  }

  @Test func blankLinesSeparate() throws {
    #expect(try documents("\n \na\nb\n\n\t\r\n\nc\n", .blankLine) == ["a\nb", "c"])
    #expect(try documents("a\r\nb\r\n\r\nc\r\n", .blankLine) == ["a\r\nb", "c"])
  }

  @Test func separatorsSeparateWhereverTheyOccur() throws {
    #expect(try documents("<|>a<|><|>b\n<|>", .separator("<|>")) == ["a", "b\n"])
    #expect(try documents("aaab", .separator("aa")) == ["ab"])
    #expect(try documents("aé—b", .separator("é—")) == ["a", "b"])
  }

  @Test func fieldsOfJSONLinesAreDocuments() throws {
    let text = """
      {"text": "a\\nb \\u00e9 \\ud83d\\ude00", "id": 1}

      {"id": {"text": [null]}, "text": "c"}
      {"text": ""}
      """
    #expect(try documents(text, .jsonLines(field: "text")) == ["a\nb é 😀", "c"])
  }

  @Test(arguments: [
    ("{\"id\": 1}", "an object without it"), ("{\"text\": null}", "null in it"), ("{\"text\": 1}", "another type"),
    ("[1]", "another type"), ("{\"text\": \"a", "invalid JSON"), ("{", "invalid JSON"),
    (String(repeating: "[", count: 100_000), "invalid JSON"),
  ])
  func badJSONNamesItsLine(_ record: String, _ reason: String) throws {
    let path = folder.path + "/text"
    #expect(throws: CorpusError.invalidRecord(path: path, line: 2, field: "text", reason: reason)) {
      try documents("{\"text\": \"a\"}\n\(record)", .jsonLines(field: "text"))
    }
  }

  @Test func damagedTextsGiveDocumentsOrAnError() throws {
    let records = Array(
      """
      {"text": "a\\nb \\u00e9 \\ud83d\\ude00 é", "id": 1, "more": [null, {"text": -1e9}]}\r

      {"id": {"text": [null]}, "text": "c"}
      {"text": ""}
      """.utf8)
    for (reader, rule) in [
      ("JSON lines", DocumentRule.jsonLines(field: "text")), ("text of blank lines", .blankLine),
      ("text of separators", .separator("\"text\"")),
    ] {
      fuzz(reader, inputs: 500, accepted: 0.01...0.95) { damage, input in
        do {
          let file = try MappedFile(path: folder.replace("text", damage.damagedText(records)))
          try file.checkText()
          var byteCount = 0
          try Documents(file, rule: rule).forEach { bytes, _ in byteCount += bytes.count }
          #expect(byteCount > 0 && byteCount <= file.byteCount, "\(input)")
          return true
        } catch is CorpusError {
          return false
        } catch is FileError {
          return false
        }
      }
    }
  }

  @Test(arguments: [DocumentRule.line, .blankLine, .separator("\n"), .jsonLines(field: "text")])
  func onlyEmptyDocumentsAreAnError(_ rule: DocumentRule) throws {
    #expect(throws: CorpusError.noDocuments(path: folder.path + "/text")) { try documents("\n\n", rule) }
    #expect(throws: CorpusError.noDocuments(path: folder.path + "/text")) { try documents("", rule) }
  }

  @Test func rulesAreReadFromArguments() {
    #expect(DocumentRule(argument: "blank-line") == .blankLine)
    #expect(DocumentRule(argument: "separator:<|>") == .separator("<|>"))
    #expect(DocumentRule(argument: "separator:") == nil)
    #expect(DocumentRule(argument: "lines") == nil)
  }
}

@Suite struct TextCheckTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func check(_ bytes: [UInt8]) throws { try MappedFile(path: folder.add("text", bytes)).checkText() }

  @Test func acceptsTextWithCharactersOnEveryBlockBorder() throws {
    for shift in 0..<4 {
      try check([UInt8](repeating: 0x61, count: shift) + Array(String(repeating: "👧", count: 600_000).utf8))
    }
  }

  @Test func refusesWhatIsNotText() throws {
    let path = folder.path + "/text"
    let long = Array(String(repeating: "nén👧\n", count: 200_000).utf8)
    #expect(throws: CorpusError.emptyText(path: path)) { try check([]) }
    #expect(throws: CorpusError.binaryText(path: path, offset: 3, line: 2)) { try check([0x61, 0x0A, 0x61, 0]) }
    #expect(throws: CorpusError.invalidText(path: path, offset: long.count, line: 200_001)) {
      try check(long + [0xE2, 0x82])
    }
    #expect(throws: CorpusError.invalidText(path: path, offset: long.count + 1, line: 200_001)) {
      try check(long + [0x61, 0x80] + long)
    }
    #expect(throws: CorpusError.invalidText(path: path, offset: 0, line: 1)) {
      try check([UInt8](repeating: 0xFF, count: 3))
    }
  }
}
