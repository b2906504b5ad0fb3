import Testing
import retnet

@Suite struct TimeSpanTests {
  @Test(arguments: [
    ("90s", 90.0), ("30m", 1_800), ("1h30m", 5_400), ("1d", 86_400), ("45", 45), ("0.5s", 0.5), ("1.5h", 5_400),
  ])
  func readsWhatPeopleWrite(_ words: String, _ seconds: Double) {
    #expect(Duration(words: words) == .seconds(seconds))
  }

  @Test(arguments: ["", "s", "soon", "-1s", "1x", "1h30", "0", "0s", "1..2s", "99999999999999s", "1 h"])
  func refusesTheRest(_ words: String) { #expect(Duration(words: words) == nil) }
}
