import Testing
import retnet

@Suite struct ProgressLineTests {
  private let start = ContinuousClock.now

  @Test func tellsRateAndRemainingTime() {
    let line = ProgressLine("train", unit: "steps", total: 1_800, style: .silent, now: start)
    let text = line.text(done: 450, detail: [.init("loss 3.215")], now: start + .seconds(60))
    #expect(text == "train  450/1,800 steps  25 %  7.5 steps/s  ETA 3m00s  loss 3.215")
  }

  @Test func countsOnlyItsOwnWorkAfterAResume() {
    let line = ProgressLine("train", unit: "steps", total: 1_000, alreadyDone: 900, style: .silent, now: start)
    let text = line.text(done: 950, now: start + .seconds(10))
    #expect(text == "train  950/1,000 steps  95 %  5.0 steps/s  ETA 10s")
  }

  @Test func countsAnewAfterGoingBack() {
    var line = ProgressLine("train", unit: "steps", total: 1_000, alreadyDone: 900, style: .silent, now: start)
    line.goBack(to: 400, now: start + .seconds(50))
    let text = line.text(done: 450, now: start + .seconds(60))
    #expect(text == "train  450/1,000 steps  45 %  5.0 steps/s  ETA 1m50s")
  }

  @Test func promisesNothingBeforeTheFirstStepOrWithoutATotal() {
    let line = ProgressLine("read", unit: "bytes", total: nil, style: .silent, now: start)
    #expect(line.text(done: 0, now: start) == "read  0 bytes")
    #expect(
      line.text(done: 1_234_567, now: start + .seconds(2)) == "read  1,234,567 bytes  617,284 bytes/s")
    let empty = ProgressLine("eval", unit: "tokens", total: 0, style: .silent, now: start)
    #expect(empty.text(done: 0, now: start + .seconds(1)) == "eval  0/0 tokens")
  }

  @Test(arguments: [
    (99, "train  1,160/1,160 steps  100 %  6.48 steps/s  loss 3.296, 1.160 bits/byte, validation 1.492"),
    (79, "train  1,160/1,160 steps  loss 3.296, 1.160 bits/byte, validation 1.492"),
    (59, "train  1,160/1,160 steps  loss 3.296, validation 1.492"),
    (43, "train  1,160/1,160 steps  validation 1.492"), (39, "1,160/1,160 steps  validation 1.492"),
    (20, "1,160/1,160 steps"), (7, "1,160/1"), (0, ""),
  ])
  func leavesOutWhatMattersLeastWhereTheTerminalIsNarrow(_ width: Int, _ expected: String) {
    let line = ProgressLine("train", unit: "steps", total: 1_160, style: .silent, now: start)
    let detail: [ProgressLine.Detail] = [
      .init("loss 3.296"), .init("1.160 bits/byte", .minor), .init("validation 1.492", .major),
    ]
    let now = start + .seconds(179)
    #expect(line.text(done: 1_160, detail: detail, now: now, width: width) == expected)
    for width in 20...120 { #expect(line.text(done: 58, detail: detail, now: now, width: width).count <= width) }
    #expect(line.text(done: 580, detail: detail, now: now, width: 60).contains("validation 1.492"))
    #expect(line.text(done: 580, now: now, width: 40) == "train  580/1,160 steps  ETA 2m59s")
  }

  @Test func breaksLinesBetweenWords() {
    let text = "method          full history, chunkwise, chunk length 128; begins with BOS"
    #expect(text.wrapped(to: nil) == text)
    #expect(text.wrapped(to: 74) == text)
    let indent = String(repeating: " ", count: 16)
    let broken = ["method          full history, chunkwise,", indent + "chunk length 128; begins", indent + "with BOS"]
    #expect(text.wrapped(to: 40, indent: indent) == broken.joined(separator: "\n"))
    let word = String(repeating: "ab", count: 32)
    #expect("  digest \(word)\nb".wrapped(to: 40) == "  digest\n  \(word)\nb")
    #expect("".wrapped(to: 40) == "")
    #expect("# a b c".wrapped(to: 5, indent: "#   ") == "# a b\n# c")
  }

  @Test func namesTimesAsPeopleDo() {
    let expected: [(Double, String)] = [
      (0, "0s"), (0.2, "1s"), (59, "59s"), (60, "1m00s"), (185, "3m05s"), (7_620, "2h07m"), (273_600, "3d04h"),
      (-1, "0s"), (.infinity, "a long time"), (.nan, "a long time"), (1e300, "a long time"),
    ]
    for (seconds, text) in expected { #expect(clockTime(seconds) == text) }
  }

  @Test func groupsAndShortensNumbers() {
    #expect([0, 999, 1_000, -12_345, 1_234_567].map(grouped) == ["0", "999", "1,000", "-12,345", "1,234,567"])
    #expect(grouped(Int.min) == "-9,223,372,036,854,775,808")
    #expect([0.126, 7.518, 93.14, 12_800.4].map(shortened) == ["0.13", "7.52", "93.1", "12,800"])
  }
}
