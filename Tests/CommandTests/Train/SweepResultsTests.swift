import Foundation
import Testing
import retnet

/// The figures, the table and the picture of a sweep, from fixed numbers.
@Suite struct SweepResultsTests {
  private static func run(_ bits: Double, seconds: Double = 90) -> SweepResults.Outcome {
    .complete(
      RunFigures(
        bitsPerByte: bits, validationLoss: 2 * bits, trainingLoss: 2.5, steps: 1_160, tokensPerSecond: 12_345.6,
        seconds: seconds))
  }

  private static let failed = SweepResults.Outcome.failed("step 2: diverged", status: 76)

  private func results(_ outcomes: [[SweepResults.Outcome]]) -> SweepResults {
    let values = [1e-3, 3e-3, 3e-2].map { [SweepValue($0)] }
    return SweepResults(names: ["learning_rate"], rows: zip(values, outcomes).map { SweepResults.Row($0, $1) })
  }

  @Test func aRowIsAMeanWithItsSpread() {
    let rows = [
      [Self.run(1.6), Self.run(1.5)], [Self.run(1.50, seconds: 30), Self.run(1.51)], [Self.failed, .pending],
    ]
    let lines = results(rows).table(width: nil).split(separator: "\n").map(String.init)
    // The sample standard deviation of 1.5 and 1.6 is 0.1/√2.
    #expect(
      lines == [
        "learning_rate  bits/byte    ± sd  validation loss    ± sd  training loss  tokens/s  steps  minutes",
        "        0.001     1.5500  0.0707           3.1000  0.1414         2.5000    12,346  1,160     1.50",
        "        0.003     1.5050  0.0071           3.0100  0.0141         2.5000    12,346  1,160     1.00  best",
        "         0.03          –       –                –       –              –         –      –        –"
          + "  1 of 2 failed, 1 of 2 to come",
      ])
  }

  @Test func oneSeedHasNoSpread() {
    let results = results([[Self.run(1.6)], [Self.failed], [Self.run(1.5)]])
    let lines = results.table(width: nil).split(separator: "\n")
    #expect(!lines[0].contains("sd") && lines[2].hasSuffix("  failed") && lines[3].hasSuffix("  best"))
    #expect(results.best == 2)
  }

  /// The mean of fewer seeds would be of other runs.
  @Test func aCombinationThatLacksARunIsNotTheBest() {
    #expect(results([[Self.run(1.2), Self.failed], [Self.run(1.5), Self.run(1.6)], [.pending, .pending]]).best == 1)
    #expect(results([[.pending], [.pending], [Self.failed]]).best == nil)
  }

  @Test func aNarrowTerminalLosesTheLeastColumns() {
    let table = results([[Self.run(1.6), Self.run(1.5)], [.pending, .pending], [.pending, .pending]]).table(width: 60)
    let lines = table.split(separator: "\n")
    #expect(lines[0] == "learning_rate  bits/byte    ± sd  tokens/s", "\(lines[0])")
  }

  @Test func figuresComeFromTheLog() {
    func row(_ step: Int, _ seconds: Double, _ members: [String: JSONValue]) -> MetricsRow {
      MetricsRow(members.merging(["step": .integer(step), "seconds": .number(seconds)]) { $1 })
    }
    func loss(_ step: Int, _ seconds: Double, _ loss: Double) -> MetricsRow {
      row(step, seconds, ["loss": .number(loss)])
    }
    func score(_ step: Int, _ seconds: Double, _ loss: Double) -> MetricsRow {
      row(step, seconds, ["validation_loss": .number(loss), "bits_per_byte": .number(loss / 2)])
    }
    let rows = [
      loss(1, 1, 9), loss(10, 10, 5), score(10, 60, 4), loss(20, 70, 4.5), loss(28, 78, 4), loss(30, 80, 3),
      score(30, 130, 4.25),
    ]
    let figures = RunFigures(rows, batchTokens: 100)
    // The best evaluation, the last three steps, and 9 + 10 + 10 steps in 9 + 10 + 10 seconds.
    #expect(figures.bitsPerByte == 2 && figures.validationLoss == 4 && figures.bestStep == 10)
    #expect(figures.trainingLoss == 3.5 && figures.steps == 30 && figures.seconds == 130)
    #expect(figures.tokensPerSecond == 100)
    // A rewind takes its steps back; a loss that is not finite does not count.
    let rewound = RunFigures(
      rows + [row(30, 131, ["rewind_to": .integer(20)]), row(25, 140, ["loss": .number(.nan)])], batchTokens: 100)
    #expect(rewound.steps == 25 && rewound.trainingLoss == 4.5)
    #expect(RunFigures([], batchTokens: 1).trainingLoss == nil)
  }

  @Test func thePictureHasADotForEachRunAndALineOfMeans() {
    let results = results([
      [Self.run(1.6), Self.run(1.5)], [Self.run(1.4), Self.run(1.5)], [Self.failed, Self.run(1.9)],
    ])
    let svg = SweepChart(results, key: 0).svg(name: "kjv")
    #expect(svg.contains("<title>kjv: learning_rate</title>"))
    #expect(svg.contains("best: 0.003, 1.4500") && svg.contains("× a run failed"))
    #expect(svg.contains(">learning_rate, logarithmic</text>"))
    for label in ["0.001", "0.003", "0.03"] { #expect(svg.contains(">\(label)</text>"), "\(label)") }
    #expect(svg.matches(of: /<circle class="dot axis"/).count == 5)
    #expect(svg.matches(of: /<circle class="dot first"/).count == 2)
    #expect(svg.contains("<path class=\"band first\"") && svg.contains("<path class=\"cross mark\""))
    // Only the dots of runs are not joined.
    #expect(!svg.contains("<path class=\"line axis\"") && svg.contains("<path class=\"line first\""))
    #expect(SweepChart(results, key: 0).svg(name: "kjv") == svg)
  }

  @Test(arguments: [
    ([2.0, 4, 8], false, [97.5, 297.5, 697.5]), ([1, 10], false, [97.5, 697.5]),
    ([1, 100, 10], true, [97.5, 697.5, 397.5]),
  ])
  func moreThanADecadeIsLogarithmic(_ values: [Double], _ isLogarithmic: Bool, _ places: [Double]) throws {
    let rows = values.map { SweepResults.Row([SweepValue($0)], [Self.run(1.5)]) }
    let svg = SweepChart(SweepResults(names: ["x"], rows: rows), key: 0).svg(name: "n")
    #expect(svg.contains("x, logarithmic") == isLogarithmic)
    let found = svg.matches(of: /dot axis" cx="([\d.]+)"/).compactMap { Double($0.output.1) }
    #expect(found.count == places.count)
    for (x, place) in zip(found, places.sorted()) { #expect(abs(x - place) < 0.1, "\(found)") }
  }

  @Test func wordsStandSideBySide() {
    let rows = ["cosine", "linear"].flatMap { word in
      [1.0, 2].map { SweepResults.Row([SweepValue(word), SweepValue($0)], [Self.run(1.4 + $0 / 10)]) }
    }
    let svg = SweepChart(SweepResults(names: ["schedule", "width"], rows: rows), key: 0).svg(name: "n")
    #expect(svg.contains("the line: the best of width") && svg.contains(">cosine</text>"))
    #expect(svg.matches(of: /<circle class="dot axis"/).count == 4)
  }

  @Test func theTimeLeftFollowsTheWork() {
    var clock = SweepClock()
    let start = ContinuousClock.now
    clock.begin(workAhead: 40, now: start)
    #expect(clock.secondsLeft(work: 10, begun: 0.5, done: 0.5, now: start + .seconds(1)) == nil)
    // A quarter of a run of 10 in 10 s, and 35 are left.
    #expect(clock.secondsLeft(work: 10, begun: 0.25, done: 0.5, now: start + .seconds(10)) == 140)
    // Three quarters of the run were done here, in 20 s.
    clock.end(work: 10, begun: 0.25)
    #expect(clock.secondsLeft(work: 30, begun: 0, done: 0, now: start + .seconds(20)) == 80)
  }
}
