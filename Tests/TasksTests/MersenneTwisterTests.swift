import Tasks
import Testing

/// The numbers are those of CPython 3.11.
@Suite struct MersenneTwisterTests {
  @Test func wordsAreThoseOfPython() {
    var random = MersenneTwister(seed: 1234)
    #expect((0..<3).map { _ in random.next() } == [4_150_886_329, 3_342_196_574, 1_892_932_127])
  }

  @Test func aSeedOfMoreThan32BitsCounts() {
    var random = MersenneTwister(seed: (1 << 40) + 5)
    #expect(random.next() == 2_166_296_868)
  }

  @Test func unitsAreThoseOfPython() {
    var random = MersenneTwister(seed: 0)
    #expect([random.unit(), random.unit()] == [0.8444218515250481, 0.7579544029403025])
  }

  /// Of 40 and of 10 rows the ones that are left are kept, of 1,000 the ones that were drawn.
  @Test func samplesAreThoseOfPython() {
    var random = MersenneTwister(seed: 1234)
    #expect(random.sample(5, of: 40) == [28, 7, 0, 5, 37])
    #expect(random.sample(5, of: 40) == [2, 5, 6, 22, 15])
    #expect(random.sample(5, of: 40) == [1, 22, 39, 30, 29])
    #expect(random.sample(4, of: 10) == [2, 1, 9, 5])
    #expect(random.sample(7, of: 1000) == [117, 865, 14, 515, 498, 901, 988])
  }
}
