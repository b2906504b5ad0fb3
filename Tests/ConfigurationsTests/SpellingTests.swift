import Configurations
import Testing

@Suite struct SpellingTests {
  @Test func countsSlips() {
    let expected: [(String, String, Int)] = [
      ("", "", 0), ("", "ab", 2), ("ab", "", 2), ("width", "width", 0), ("widht", "width", 1), ("wdth", "width", 1),
      ("widthh", "width", 1), ("wodth", "width", 1), ("kitten", "sitting", 3), ("ca", "abc", 3),
    ]
    for (first, second, distance) in expected {
      #expect(editDistance(first, second) == distance)
      #expect(editDistance(second, first) == distance)
    }
  }

  @Test func suggestsTheNearestNameOnly() {
    let names = ["learning_rate", "warmup_steps", "steps", "seed"]
    #expect(closestMatch(to: "learning_rat", among: names) == "learning_rate")
    #expect(closestMatch(to: "Learning-Rate", among: names) == "learning_rate")
    #expect(closestMatch(to: "step", among: names) == "steps")
    #expect(closestMatch(to: "zebra", among: names) == nil)
    #expect(closestMatch(to: "", among: names) == nil)
    #expect(closestMatch(to: String(repeating: "s", count: 1_000_000), among: names) == nil)
  }

  @Test func makesHostileTextHarmless() {
    #expect(quotedForMessage("a\u{1B}[31m\n") == "'a\\u{1B}[31m\\n'")
    #expect(quotedForMessage("é🙂") == "'é🙂'")
    #expect(quotedForMessage(String(repeating: "x", count: 61)) == "'" + String(repeating: "x", count: 60) + "…'")
  }
}
