import Configurations
import Testing

@Suite struct DecodedJSONTests {
  /// A list that holds nothing but a list, and so on.
  private func nested(_ depth: Int) -> [UInt8] {
    Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
  }

  /// Foundation's decoder ends the process on 513 brackets at the end of a text.
  @Test(arguments: [257, 512, 513, 514, 100_000])
  func deepNestingIsRefused(_ depth: Int) {
    for text in [nested(depth), Array(nested(depth).prefix(depth)), Array("{\"a\":".utf8) + nested(depth)] {
      #expect(throws: JSONNestingError.self) { try decodedJSON([String: Int].self, from: text) }
    }
  }

  @Test func depthsUpToTheLimitAreFine() throws {
    try checkNesting(ofJSON: nested(256))
  }

  @Test func bracketsOfTextsDoNotCount() throws {
    let text = #"{"a":"\#(String(repeating: #"[{\""#, count: 1_000))"}"#
    let value = try decodedJSON([String: String].self, from: Array(text.utf8))
    #expect(value["a"]?.count == 3_000)
  }
}
