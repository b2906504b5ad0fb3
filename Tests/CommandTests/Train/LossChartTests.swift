import Foundation
import Testing
import retnet

/// `loss.svg` from the lines of a log.
@Suite struct LossChartTests {
  /// A loss that falls from 9 towards 3, with noise.
  private static func loss(_ step: Int) -> Double {
    3 + 6 * exp(-Double(step) / 80) + 0.3 * sin(Double(step) * 12.9898)
  }

  private static func step(_ step: Int, _ loss: Double, skipped: Bool = false) -> [String: JSONValue] {
    var row: [String: JSONValue] = [
      "step": .integer(step), "loss": .number(loss), "learning_rate": .number(min(1, Double(step) / 100) * 2e-3),
      "seconds": .number(0.5),
    ]
    if skipped { row["skipped"] = .text("loss_spike") }
    return row
  }

  private static func evaluation(_ step: Int) -> [String: JSONValue] {
    let loss = loss(step) + 0.2
    return ["step": .integer(step), "validation_loss": .number(loss), "bits_per_byte": .number(loss / 2.8)]
  }

  private static func rewind(_ step: Int, to earlier: Int) -> [String: JSONValue] {
    ["step": .integer(step), "rewind_to": .integer(earlier)]
  }

  /// Rows of steps, one each.
  private static func steps(_ range: ClosedRange<Int>) -> [[String: JSONValue]] { range.map { step($0, loss($0)) } }

  private static func skips(_ range: ClosedRange<Int>) -> [[String: JSONValue]] {
    range.map { step($0, 30, skipped: true) }
  }

  /// Runs of every kind, by name.
  static let runs: [String: [[String: JSONValue]]] = {
    var runs: [String: [[String: JSONValue]]] = [:]
    runs["one row"] = [step(1, 8.7)]
    runs["three rows"] = [step(1, 8.7), step(10, 7.9), step(20, 7.2)]
    runs["no finite row"] = [step(1, .nan, skipped: true), step(2, .infinity, skipped: true)]
    runs["no validation"] = steps(1...400)
    var long: [[String: JSONValue]] = []
    for number in 1...100_000 {
      long.append(step(number * 10, loss(number * 10)))
      if number % 50 == 0 { long.append(evaluation(number * 10)) }
    }
    runs["100,000 rows"] = long
    let notFinite = [step(500, .nan, skipped: true)]
    runs["spikes"] =
      steps(1...39) + [step(40, 2.5e4)] + steps(41...299) + skips(300...305) + steps(306...499) + notFinite
      + steps(501...900)
    runs["rewinds"] = steps(1...600) + skips(601...606) + [rewind(606, to: 450)] + steps(451...800)
    runs["extreme numbers"] = [step(1, 1e300), step(2, 1e-300), step(1_000_000_000, 5)]
    return runs
  }()

  static func chart(_ rows: [[String: JSONValue]]) -> LossChart {
    rows.reduce(into: LossChart()) { $0.take(MetricsRow($1)) }
  }

  @Test(arguments: runs.keys.sorted())
  func isAWholeDocumentOfBoundedSize(_ name: String) throws {
    let svg = Self.chart(try #require(Self.runs[name])).svg(name: "<\(name)> & more", steps: 1_000_000)
    #expect(svg.utf8.count < 200_000)
    #expect(svg.contains(">loss, nats per token</text>") && svg.contains(">learning rate, 10⁻"))
    #expect(svg.contains(">step</text>") && svg.contains("@media (prefers-color-scheme:dark)"))
    #expect(!svg.contains("nan") && !svg.contains("inf"))
    try expectWellFormed(svg)
  }

  /// What a process reads from the log gives the picture that the process before was drawing.
  @Test(arguments: runs.keys.sorted())
  func isTheSameWhenReadFromTheLog(_ name: String) throws {
    let rows = try #require(Self.runs[name])
    var read = LossChart()
    for row in rows { read.take(try #require(MetricsRow(line: Array(JSONReport(row).line.utf8)))) }
    #expect(read.svg(name: name, steps: 9) == Self.chart(rows).svg(name: name, steps: 9))
  }

  @Test func saysWhatItShows() {
    let rows = (1...90).map { Self.step($0, 4) } + [Self.evaluation(90)]
    let svg = Self.chart(rows).svg(name: "small", steps: 1_200)
    #expect(svg.contains(">small</text>") && svg.contains("step 90 of 1,200 · training loss 4.000 · validation loss "))
    #expect(svg.contains(">training 4.000</text>") && svg.contains(">validation "))
    #expect(svg.contains("bits per byte at step 90<") && svg.contains(">rate 1.8 · 10⁻³</text>"))
  }

  @Test func skippedStepsAndRewindsAreMarked() {
    let svg = Self.chart(Self.runs["rewinds"] ?? []).svg(name: "a", steps: 800)
    #expect(svg.contains("× skipped steps: 6 · ┆ returns to a checkpoint: 1"))
    #expect(svg.contains("<path class=\"cross mark\"") && svg.contains("<path class=\"border mark\""))
    #expect(!Self.chart(Self.runs["no validation"] ?? []).svg(name: "a", steps: 400).contains(">validation"))
  }

  @Test func aSpikeDoesNotPressTheRestFlat() {
    let svg = Self.chart(Self.runs["spikes"] ?? []).svg(name: "a", steps: 900)
    #expect(svg.contains("· values up to 25,000.0 cut off<"))
    #expect(svg.contains(">10</text>") && !svg.contains(">20,000</text>") && !svg.contains(">10,000</text>"))
  }

  @Test func linesOfOthersAreLeftOut() {
    #expect(MetricsRow(line: Array("not json".utf8)) == nil)
    var chart = Self.chart(Self.runs["three rows"] ?? [])
    let before = chart.svg(name: "a", steps: 9)
    for line in ["{}", #"{"step": 1e300, "loss": 2}"#, #"{"step": -5, "loss": 2}"#, #"{"step": "x", "loss": [1]}"#] {
      if let row = MetricsRow(line: Array(line.utf8)) { chart.take(row) }
    }
    #expect(chart.svg(name: "a", steps: 9) == before)
  }

  /// Every element is closed, every attribute quoted, every mark in a text escaped.
  private func expectWellFormed(_ xml: String) throws {
    var open: [Substring] = []
    var rest = xml[...]
    while let start = rest.firstIndex(of: "<") {
      let text = rest[..<start]
      #expect(!text.contains(">") || open.last == "style", "\(text)")
      #expect(text.matches(of: /&/).count == text.matches(of: /&(amp|lt|gt|quot);/).count)
      let end = try #require(rest[start...].firstIndex(of: ">"))
      let tag = rest[rest.index(after: start)..<end]
      rest = rest[rest.index(after: end)...]
      if tag.hasPrefix("/") {
        #expect(open.popLast() == tag.dropFirst())
      } else {
        let match = try #require(tag.wholeMatch(of: /([A-Za-z]+)((?: [A-Za-z-]+="[^"<&]*")*)(\/?)/), "\(tag)")
        if match.output.3.isEmpty { open.append(match.output.1) }
      }
    }
    #expect(open.isEmpty && rest == "\n")
  }
}
