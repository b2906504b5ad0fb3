import Checkpoints
import Testing

@Suite struct LayoutTests {
  /// A header whose U8 tensors have these names and offsets, in this order.
  private func header(_ tensors: [(name: String, begin: Int, end: Int)]) -> String {
    let members = tensors.map { tensor in
      #""\#(tensor.name)":{"dtype":"U8","shape":[\#(tensor.end - tensor.begin)],"#
        + #""data_offsets":[\#(tensor.begin),\#(tensor.end)]}"#
    }
    return "{\(members.joined(separator: ","))}"
  }

  @Test("C17: the header may have another order than the data")
  func ordersTensorsByTheirData() throws {
    let text = header([("c", 3, 5), ("empty", 3, 3), ("a", 5, 6), ("b", 0, 3), ("also", 3, 3)])
    let found = try HandMadeFile(text, data: [UInt8](repeating: 0, count: 6)).load()
    #expect(found.tensors.map(\.name) == ["b", "also", "empty", "c", "a"])
    #expect(found.ranges.map { $0.lowerBound - text.utf8.count - 8 } == [0, 3, 3, 3, 5])
    #expect(found.indices == ["b": 0, "also": 1, "empty": 2, "c": 3, "a": 4])
  }

  @Test("C17: no hole, no overlap", arguments: [(1, 2, "a", 0), (0, 1, "t", 2), (0, 3, "t", 2), (0, 0, "t", 2)])
  func refusesHolesAndOverlaps(first: Int, second: Int, name: String, expected: Int) {
    // Two tensors of two bytes, the second one at least as far behind as the first.
    let text = header([("a", first, first + 2), ("t", second, second + 2)])
    let error = CheckpointError.tensor(
      path: "m", name: name, expected: "data from \(expected)", found: "\(name == "a" ? first : second)")
    #expect(throws: error) { try HandMadeFile(text, data: [0, 0, 0, 0]).load() }
  }

  @Test("C18: the data end with the file", arguments: [0, 3, 5, 100])
  func refusesOtherFileSizes(byteCount: Int) {
    let text = header([("t", 0, 4)])
    let start = 8 + text.utf8.count
    #expect(throws: CheckpointError.fileSize(path: "m", expected: start + 4, found: start + byteCount)) {
      try HandMadeFile(text, data: [UInt8](repeating: 0, count: byteCount)).load()
    }
  }

  @Test("C18: an end that no file can have")
  func refusesAnEndThatOverflows() {
    // Each tensor is possible; together they take 2^63 − 8 bytes, which with the header is more than 2^63 − 1.
    let size = Int.max / 8
    let tensors = (0..<8).map { (name: "\($0)", begin: $0 * size, end: ($0 + 1) * size) }
    let text = header(tensors)
    #expect(throws: CheckpointError.fileSize(path: "m", expected: .max, found: 8 + text.utf8.count)) {
      try HandMadeFile(text).load()
    }
  }

  static let metadata: [(value: String, error: CheckpointError)] = [
    ("null", .text(16, "an object of strings", "'null}'")),
    ("[]", .text(16, "an object of strings", "'[]}'")),
    ("\"a\"", .text(16, "an object of strings", "'\"a\"}'")),
    (#"{"a":1}"#, .text(21, "a string", "'1}}'")),
    (#"{"a":null}"#, .text(21, "a string", "'null}}'")),
    (#"{"a":{"b":"c"}}"#, .text(21, "a string", #"'{"b":"c"}}}'"#)),
  ]

  @Test("C19: metadata are strings", arguments: metadata)
  func refusesOtherMetadata(value: String, error: CheckpointError) {
    #expect(throws: error) { try HandMadeFile(#"{"__metadata__":\#(value)}"#).load() }
  }

  @Test("C19: metadata may be anywhere, empty or absent")
  func readsMetadata() throws {
    let text = #"{"t":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"__metadata__":{"format":"pt","":""}}"#
    #expect(try HandMadeFile(text, data: [0]).load().metadata == ["format": "pt", "": ""])
    #expect(try HandMadeFile(#"{"__metadata__":{}}"#).load().metadata == [:])
  }

  @Test("C20: a file may hold no tensor")
  func readsAFileWithoutTensors() throws {
    #expect(try HandMadeFile("{}").load().tensors == [])
  }
}
