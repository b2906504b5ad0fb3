import Checkpoints
import Testing

@Suite struct SafetensorsHeaderTests {
  @Test("C1: eight bytes of length", arguments: 0..<8)
  func refusesFilesWithoutALength(byteCount: Int) {
    var file = HandMadeFile("{}")
    file.bytes.removeLast(file.bytes.count - byteCount)
    #expect(throws: CheckpointError.fileSize(path: "m", expected: 8, found: byteCount)) { try file.load() }
  }

  @Test(
    "C2: header length",
    arguments: [
      (0, "00 00 00 00 00 00 00 00"), (1, "01 00 00 00 00 00 00 00"), (100_000_001, "01 e1 f5 05 00 00 00 00"),
      (UInt64(Int.max) + 1, "00 00 00 00 00 00 00 80"), (.max, "ff ff ff ff ff ff ff ff"),
    ])
  func refusesImpossibleLengths(byteCount: UInt64, bytes: String) {
    let error = CheckpointError.header(
      path: "m", byte: 0, expected: "a safetensors file", found: "one that begins with \(bytes)")
    #expect(throws: error) { try HandMadeFile("{}", headerByteCount: byteCount).load() }
  }

  @Test("C3: header within the file", arguments: [3, 1000, 100_000_000] as [UInt64])
  func refusesHeadersThatEndBehindTheFile(byteCount: UInt64) {
    #expect(throws: CheckpointError.fileSize(path: "m", expected: 8 + Int(byteCount), found: 10)) {
      try HandMadeFile("{}", headerByteCount: byteCount).load()
    }
  }

  static let malformed: [(text: String, error: CheckpointError)] = [
    (" {}", .text(0, "'{'", "byte 0x20")),
    ("[]", .text(0, "'{'", "'[]'")),
    ("\u{FEFF}{}", .text(0, "'{'", "byte 0xef")),
    ("{ ", .text(2, "a name in quotation marks", "the end of the header")),
    ("{,}", .text(1, "a name in quotation marks", "byte 0x2c")),
    ("{a:1}", .text(1, "a name in quotation marks", "'a:1}'")),
    (#"{"__metadata__" {}}"#, .text(16, "':'", "'{}}'")),
    (#"{"__metadata__":{},}"#, .text(19, "a name in quotation marks", "'}'")),
    (#"{"__metadata__":{}"#, .text(18, "',' or '}'", "the end of the header")),
    (#"{"__metadata__":{"a":"b" "c":"d"}}"#, .text(25, "',' or '}'", #"'"c":"d"}}'"#)),
    (#"{"__metadata__":{"a":"b}}"#, .text(25, "a closing quotation mark", "the end of the header")),
    (#"{"__metadata__":{"a":"b\"#, .text(23, "a JSON escape", #"'\'"#)),
    (#"{"__metadata__":{"a":"\x"}}"#, .text(22, "a JSON escape", #"'\x"}}'"#)),
  ]

  @Test("C4: one JSON object", arguments: malformed)
  func refusesOtherThanOneObject(text: String, error: CheckpointError) {
    #expect(throws: error) { try HandMadeFile(text).load() }
  }

  @Test("C4: control characters are escaped", arguments: 0..<0x20)
  func refusesControlCharacters(code: UInt8) {
    let digits = (code < 16 ? "0" : "") + String(code, radix: 16)
    #expect(throws: CheckpointError.text(3, "an escape for a control character", "byte 0x\(digits)")) {
      try HandMadeFile(header: [0x7B, 0x22, 0x61, code, 0x22]).load()
    }
  }

  @Test("C4: white space between tokens is no error")
  func readsSpacedText() throws {
    let text = "{\r\n\t\"t\" : { \"shape\" : [ 1 , 2 ] ,\"data_offsets\":[ 0, 2 ],\"dtype\": \"U8\" } }"
    let header = try HandMadeFile(text, data: [1, 2]).load()
    #expect(header.tensors == [TensorDescription(name: "t", dataType: .u8, shape: [1, 2])])
  }

  @Test("C5: only white space follows")
  func readsPaddingAndRefusesOtherThings() throws {
    #expect(try HandMadeFile("{}      ").load().tensors.isEmpty)
    #expect(throws: CheckpointError.text(2, "white space up to the end of the header", "'{}'")) {
      try HandMadeFile("{}{}").load()
    }
    #expect(throws: CheckpointError.text(3, "white space up to the end of the header", "byte 0x00")) {
      try HandMadeFile("{} \0").load()
    }
  }

  static let otherBytes: [[UInt8]] = [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80]]

  @Test("C6: UTF-8", arguments: otherBytes)
  func refusesOtherBytesThanUTF8(bytes: [UInt8]) {
    let header = Array(#"{"__metadata__":{"a":""#.utf8) + bytes + Array(#""}}"#.utf8)
    #expect(throws: CheckpointError.text(22, "UTF-8", "other bytes")) { try HandMadeFile(header: header).load() }
  }

  static let loneEscapes = [#"\ud83d"#, #"\ude00"#, #"\ud83d\u0041"#, #"\u12"#, #"\u12g4"#]

  @Test("C6: escapes stand for characters", arguments: loneEscapes)
  func refusesEscapesThatStandForNothing(escape: String) {
    let expected = "four hexadecimal digits that stand for a character"
    let text = #"{"__metadata__":{"a":"\#(escape)"}}"#
    #expect(throws: CheckpointError.text(22, expected, "'\(escape)\"}}'")) { try HandMadeFile(text).load() }
  }

  @Test("C6: every escape is decoded")
  func decodesEscapes() throws {
    let text = #"{"__metadata__":{"a":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00é😀"}}"#
    let expected = "\"\\/\u{8}\u{C}\n\r\tA\u{E9}\u{20AC}\u{1F600}\u{E9}\u{1F600}"
    #expect(try HandMadeFile(text).load().metadata == ["a": expected])
  }

  static let tensor = #"{"dtype":"U8","shape":[],"data_offsets":[0,1]}"#
  static let duplicates: [(text: String, name: String, position: Int)] = [
    (#"{"a":\#(tensor),"b":\#(tensor),"a":\#(tensor)}"#, "a", 103),
    (#"{"a":\#(tensor),"\u0061":\#(tensor)}"#, "a", 52),
    (#"{"é":\#(tensor),"e\u0301":\#(tensor)}"#, "e\u{301}", 53),
    (#"{"__metadata__":{},"__metadata__":{}}"#, "__metadata__", 19),
    (#"{"__metadata__":{},"__meta\u0064ata__":{}}"#, "__metadata__", 19),
    (#"{"__metadata__":{"k":"1","k":"1"}}"#, "k", 25),
    (#"{"a":{"dtype":"U8","dtype":"U8"}}"#, "dtype", 19),
    (#"{"a":{"shape":[],"sh\u0061pe":[]}}"#, "shape", 17),
    (#"{"a":{"data_offsets":[0,1],"data_offsets":[0,1]}}"#, "data_offsets", 27),
  ]

  @Test("C7: no name twice", arguments: duplicates)
  func refusesNamesThatOccurTwice(text: String, name: String, position: Int) {
    #expect(throws: CheckpointError.text(position, "each name once", "'\(name)' again")) {
      try HandMadeFile(text, data: [0]).load()
    }
  }

  @Test("C8: names of at most 1,024 bytes")
  func refusesLongNames() throws {
    func file(_ name: String) -> HandMadeFile { HandMadeFile(#"{"\#(name)":\#(Self.tensor)}"#, data: [0]) }
    let longest = String(repeating: "é", count: 512)
    #expect(try file(longest).load().tensors.first?.name == longest)
    #expect(throws: CheckpointError.text(2, "at most 1024 bytes", "1025")) { try file(longest + "x").load() }
  }
}
