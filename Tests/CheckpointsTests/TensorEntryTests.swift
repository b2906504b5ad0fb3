import Checkpoints
import Testing

@Suite struct TensorEntryTests {
  static let incomplete: [(text: String, error: CheckpointError)] = [
    (#"{"t":{"shape":[4],"data_offsets":[0,4]}}"#, .t("a dtype", "none")),
    (#"{"t":{"dtype":"U8","data_offsets":[0,4]}}"#, .t("a shape", "none")),
    (#"{"t":{"dtype":"U8","shape":[4]}}"#, .t("data_offsets", "none")),
    (#"{"t":{"strides":[1]}}"#, .text(6, "dtype, shape or data_offsets", "'strides'")),
    (#"{"t":[]}"#, .text(5, "an object with dtype, shape and data_offsets", "'[]}'")),
    (#"{"t":null}"#, .text(5, "an object with dtype, shape and data_offsets", "'null}'")),
  ]

  @Test("C9: dtype, shape, data_offsets and nothing else", arguments: incomplete)
  func refusesOtherMembers(text: String, error: CheckpointError) {
    #expect(throws: error) { try HandMadeFile(text, data: [0, 0, 0, 0]).load() }
  }

  static let bitCounts: [(name: String, bitCount: Int)] = [
    ("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6), ("BOOL", 8), ("U8", 8), ("I8", 8), ("F8_E5M2", 8), ("F8_E4M3", 8),
    ("F8_E8M0", 8), ("F8_E4M3FNUZ", 8), ("F8_E5M2FNUZ", 8), ("U16", 16), ("I16", 16), ("F16", 16), ("BF16", 16),
    ("U32", 32), ("I32", 32), ("F32", 32), ("U64", 64), ("I64", 64), ("F64", 64), ("C64", 64),
  ]

  @Test("C10: the known dtypes", arguments: bitCounts)
  func knowsEveryDataType(name: String, bitCount: Int) throws {
    let file = HandMadeFile(dtype: "\"\(name)\"", shape: "[8]", offsets: "[0,\(bitCount)]", byteCount: bitCount)
    let tensor = try #require(try file.load().tensors.first)
    #expect(tensor.dataType.rawValue == name)
    #expect(tensor.byteCount == bitCount)
    #expect(DataType.allCases.count == Self.bitCounts.count)
  }

  @Test("C10: no other dtype", arguments: ["F31", "f32", "", "F32 ", "F8"])
  func refusesUnknownDataTypes(name: String) {
    #expect(throws: CheckpointError.t("a known dtype", "'\(name)'")) { try HandMadeFile(dtype: "\"\(name)\"").load() }
  }

  @Test("C10: dtype is a string")
  func refusesADataTypeThatIsNoString() {
    #expect(throws: CheckpointError.text(14, "a string", "'8'")) { try HandMadeFile(dtype: "8").load() }
  }

  static let numbers = [
    "-1", "-0", "+1", "4.0", "4.", "1e3", "4E0", "04", "00", "9223372036854775808", "99999999999999999999",
  ]

  @Test("C11, C15: integers in digits alone", arguments: numbers)
  func refusesOtherNumbers(number: String) {
    let expected = "an integer from 0 to 9223372036854775807"
    #expect(throws: CheckpointError.text(28, expected, "'\(number)]'")) {
      try HandMadeFile(shape: "[\(number)]").load()
    }
    #expect(throws: CheckpointError.text(49, expected, "'\(number)]}}'")) {
      try HandMadeFile(offsets: "[0,\(number)]").load()
    }
  }

  static let shapes: [(shape: String, position: Int, expected: String, found: String)] = [
    ("4", 27, "an array of integers", "'4'"),
    ("\"4\"", 27, "an array of integers", "'\"4\"'"),
    ("[\"4\"]", 28, "an integer from 0 to 9223372036854775807", "'\"4\"]'"),
    ("[4,]", 30, "an integer from 0 to 9223372036854775807", "']'"),
    ("[,4]", 28, "an integer from 0 to 9223372036854775807", "byte 0x2c"),
    ("[2 2]", 30, "',' or ']'", "'2]'"),
    ("[[4]]", 28, "an integer from 0 to 9223372036854775807", "'[4]]'"),
    ("[true]", 28, "an integer from 0 to 9223372036854775807", "'true]'"),
  ]

  @Test("C11: shape is an array of integers", arguments: shapes)
  func refusesOtherShapes(shape: String, position: Int, expected: String, found: String) {
    #expect(throws: CheckpointError.text(position, expected, found)) { try HandMadeFile(shape: shape).load() }
  }

  @Test("C11: integers above 2^53 are exact")
  func readsLargeIntegersExactly() throws {
    let file = HandMadeFile(shape: "[0,9007199254740993,9223372036854775807]", offsets: "[0,0]", byteCount: 0)
    #expect(try file.load().tensors.first?.shape == [0, 9_007_199_254_740_993, Int.max])
  }

  @Test("C12: single elements and empty tensors", arguments: [("[]", 1), ("[0]", 0), ("[3,0,2]", 0), ("[1,1,1]", 1)])
  func readsSingleElementsAndEmptyTensors(shape: String, byteCount: Int) throws {
    let file = HandMadeFile(shape: shape, offsets: "[0,\(byteCount)]", byteCount: byteCount)
    #expect(try file.load().tensors.first?.byteCount == byteCount)
  }

  static let overflows = [
    "[9223372036854775807]", "[4294967296, 4294967296]", "[1152921504606846976]", "[4294967296, 2147483648, 0]",
  ]

  @Test("C13: no overflow", arguments: overflows)
  func refusesShapesThatOverflow(shape: String) {
    let expected = "a shape of whole bytes, less than 2^63 bits"
    #expect(throws: CheckpointError.t(expected, "U8 \(shape)")) { try HandMadeFile(shape: shape).load() }
  }

  @Test("C14: whole bytes", arguments: [("F4", "[3]", 2), ("F6_E2M3", "[2]", 2), ("F6_E3M2", "[]", 1)])
  func refusesShapesThatDoNotFillBytes(dtype: String, shape: String, byteCount: Int) {
    let file = HandMadeFile(dtype: "\"\(dtype)\"", shape: shape, offsets: "[0,\(byteCount)]", byteCount: byteCount)
    let error = CheckpointError.t("a shape of whole bytes, less than 2^63 bits", "\(dtype) \(shape)")
    #expect(throws: error) { try file.load() }
  }

  @Test("C15: two offsets in order", arguments: ["[]", "[4]", "[0, 4, 4]", "[4, 0]", "[0, 1, 2, 3, 4, 5, 6, 7]"])
  func refusesOtherOffsets(offsets: String) {
    #expect(throws: CheckpointError.t("data_offsets [begin, end]", offsets)) {
      try HandMadeFile(offsets: offsets).load()
    }
  }

  @Test("C16: as many bytes as the shape says", arguments: [("[0,3]", 3), ("[0,5]", 5), ("[0,0]", 0), ("[2,4]", 2)])
  func refusesOffsetsThatContradictTheShape(offsets: String, byteCount: Int) {
    #expect(throws: CheckpointError.t("4 bytes for U8 [4]", "\(byteCount)")) {
      try HandMadeFile(offsets: offsets).load()
    }
  }
}
