import Corpora
import Files
import TestSupport
import Testing

@Suite struct DocumentsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The documents, the same for any length of the blocks that the text comes in.
  private func documents(_ text: String, _ rule: DocumentRule) throws -> [String] {
    let path = try folder.replace("text", Array(text.utf8))
    func read(_ blockLength: Int) throws -> [String] {
      let reader = TextReader(try ByteSource(path: path, blockLength: blockLength), mayBeEmpty: true)
      var (documents, open): ([String], [UInt8]) = ([], [])
      let count = try Documents(reader, rule: rule).forEachPiece { bytes, isEnd in
        open += bytes.indices.map { bytes[$0] }
        #expect(!open.isEmpty)
        guard isEnd else { return }
        documents.append(String(decoding: open, as: UTF8.self))
        open = []
      }
      #expect(open.isEmpty && count == documents.count)
      #expect(reader.source.position == text.utf8.count)
      return documents
    }
    let documents = try read(1 << 16)
    // The beginning is looked at in any case, so only a longer text has other blocks.
    for length in 1...7 { #expect(try read(length) == documents) }
    return documents
  }

  /// The documents of a text behind so many others that it comes in blocks of its own.
  private func documentsBehindOthers(_ text: String, _ rule: DocumentRule) throws -> [String] {
    let first = String(repeating: "x", count: 5_000)
    let separator = if case .separator(let text) = rule { text } else { "\n\n" }
    let found = try documents(first + separator + text, rule)
    #expect(found.first == first)
    return Array(found.dropFirst())
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
          let text = damage.damagedText(records)
          let reader = TextReader(try ByteSource(path: folder.replace("text", text)))
          var byteCount = 0
          try Documents(reader, rule: rule).forEachPiece { bytes, _ in byteCount += bytes.count }
          #expect(byteCount <= text.count, "\(input)")
          return true
        } catch is CorpusError {
          return false
        } catch is FileError {
          return false
        }
      }
    }
  }

  @Test func bordersOfBlocksChangeNothing() throws {
    #expect(try documentsBehindOthers("a\n\n b \r\nc", .line) == ["a", " b ", "c"])
    #expect(try documentsBehindOthers("a\r\n\r\n\rb\r\r\n\r\n\r", .line) == ["a", "\rb\r"])
    #expect(try documentsBehindOthers("\n \na\nb\n\n\t\r\n\nc\n", .blankLine) == ["a\nb", "c"])
    #expect(try documentsBehindOthers("  a \r\n\tb\r\n \r\nc\r", .blankLine) == ["  a \r\n\tb", "c"])
    #expect(try documentsBehindOthers("<|>a<|><|>b\n<|>", .separator("<|>")) == ["a", "b\n"])
    #expect(try documentsBehindOthers("a<|<|>b<<", .separator("<|>")) == ["a<|", "b<<"])
    #expect(try documentsBehindOthers("aé—b", .separator("é—")) == ["a", "b"])
  }

  @Test(arguments: [DocumentRule.line, .blankLine, .separator("\n"), .jsonLines(field: "text")])
  func emptyDocumentsAreNone(_ rule: DocumentRule) throws {
    #expect(try documents("\n\n", rule) == [])
    #expect(try documents("", rule) == [])
  }

  @Test func namesOfFieldsMayBeNested() throws {
    let text = #"""
      {"meta": {"text": "a", "x": {"y.z": "b"}}, "x.y": {"z": "c"}, "x": {"y": {"z": "d"}}}
      """#
    #expect(try documents(text, .jsonLines(field: "meta.text")) == ["a"])
    #expect(try documents(text, .jsonLines(field: "meta.x.y.z")) == ["b"])
    #expect(try documents(text, .jsonLines(field: "x.y.z")) == ["c"])
    for (field, reason) in [
      ("meta.none", "an object without it"), ("none.text", "an object without it"), ("meta.text.more", "another type"),
      ("meta.x", "another type"), ("meta.", "an object without it"), (".", "an object without it"),
    ] {
      #expect(throws: CorpusError.invalidRecord(path: folder.path + "/text", line: 1, field: field, reason: reason)) {
        try documents(text, .jsonLines(field: field))
      }
    }
  }

  @Test func badRecordsMayBeSkipped() throws {
    let text = "\u{FEFF}{\"text\": \"a\"}\r\n{\"text\": 1}\n{\n\n{\"text\": \"b\"}"
    let reader = TextReader(try ByteSource(path: folder.add("text", Array(text.utf8))))
    var (found, lines): ([String], [Int]) = ([], [])
    try Documents(reader, rule: .jsonLines(field: "text")).forEachPiece { error in
      if case .invalidRecord(_, let line, _, _) = error { lines.append(line) }
    } _: { bytes, isEnd in
      #expect(isEnd)
      found.append(String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self))
    }
    #expect(found == ["a", "b"] && lines == [2, 3])
  }

  @Test func rulesAreReadFromArguments() {
    #expect(DocumentRule(argument: "blank-line") == .blankLine)
    #expect(DocumentRule(argument: "separator:<|>") == .separator("<|>"))
    #expect(DocumentRule(argument: "separator:") == nil)
    #expect(DocumentRule(argument: "lines") == nil)
  }
}
