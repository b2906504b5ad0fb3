import Foundation
import Testing
import retnet

@Suite struct JSONReportTests {
  @Test func sortsKeysAndStatesItsVersion() {
    let report = JSONReport([
      "tokens": .integer(Int.max), "loss": .number(2.5), "file": .text("a/b"), "ok": .boolean(true),
    ])
    #expect(report.line == #"{"file":"a/b","loss":2.5,"ok":true,"schema_version":1,"tokens":9223372036854775807}"#)
    #expect(!report.line.contains("\n") && report.text.contains("\n  \"loss\" : 2.5"))
  }

  @Test func flagsNumbersThatJSONLacks() {
    let report = JSONReport([
      "loss": .number(.nan), "perplexity": .number(.infinity), "rows": .list([.object(["x": .number(-.infinity)])]),
      "curve": .list([.number(1), .number(.nan)]), "missing": .null,
    ])
    #expect(
      report.line == #"{"curve":[1,null],"curve_not_finite":"nan","loss":null,"loss_not_finite":"nan","missing":null,"#
        + #""perplexity":null,"perplexity_not_finite":"inf","rows":[{"x":null,"x_not_finite":"-inf"}],"schema_version":1}"#
    )
  }

  @Test func timesAreToldToTheMicrosecond() {
    #expect(JSONReport(["seconds": .seconds(0.004003486 + 1e-18)]).line == #"{"schema_version":1,"seconds":0.004003}"#)
    #expect(JSONValue.seconds(12.345678901) == .number(12.345679))
    #expect(JSONReport(["seconds": .seconds(.nan)]).line.contains(#""seconds":null"#))
  }

  @Test func numbersAndTextComeBackExactly() throws {
    let numbers = [0.1, 1e-5, 1e300, 2.0 / 3, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e22, 123456789.125]
    let text = "\"\\/\u{0}\u{1F}\u{7F}\n\u{2028}é🙂"
    let line = JSONReport(["numbers": .list(numbers.map(JSONValue.number)), "text": .text(text)]).line
    struct Read: Decodable { let numbers: [Double], text: String }
    let read = try JSONDecoder().decode(Read.self, from: Data(line.utf8))
    #expect(read.numbers == numbers)
    #expect(read.text == text)
  }
}
