import FoundationEssentials
import TestSupport
import Testing

@Suite struct SeededGeneratorTests {
  @Test func givesThePublishedSequence() {
    var generator = SeededGenerator(seed: 1_234_567)
    // The values for this seed that implementations of SplitMix64 are commonly checked with.
    let expected: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
      16_408_922_859_458_223_821,
    ]
    #expect(expected.map { _ in generator.next() } == expected)
  }

  @Test func normalsHaveMeanZeroAndVarianceOne() {
    var generator = SeededGenerator(seed: 10)
    let x = ReferenceTensor.normal([100_000], using: &generator)
    let mean = x.values.reduce(0, +) / 100_000
    let fourthMoment = x.map { $0 * $0 * $0 * $0 }.values.reduce(0, +) / 100_000
    // Five standard errors: √(1 / n), √(2 / n), √(96 / n).
    #expect(abs(mean) < 0.016)
    #expect(abs(x.dot(x) / 100_000 - 1) < 0.023)
    #expect(abs(fourthMoment - 3) < 0.155)
  }
}

@Suite struct ExpectCloseTests {
  @Test func passesAtTheRatioAndFailsBeyond() {
    // RMS(0, 1) / RMS(6, 8) = 1 / 10.
    expectClose([6, 9] as [Float], [6, 8], ratio: 0.1000001)
    withKnownIssue { expectClose([6, 9] as [Float], [6, 8], ratio: 0.0999999) }
  }

  @Test func namesTheWorstElement() {
    let expected = ReferenceTensor([2, 2], [1, 2, 3, 4.25])
    let failure = closenessFailure([1, 2, 3.5, 4], shape: [2, 2], expected, ratio: 1e-6)
    #expect(failure?.hasSuffix("exceeds 1e-06; worst at [1, 0]: found 3.5, expected 3.0") == true)
  }

  @Test func failsForNumbersThatAreNotFinite() {
    let expected = ReferenceTensor([3], [1, 2, 3])
    let failure = closenessFailure([1, .nan, 5], shape: [3], expected, ratio: 1e9)
    #expect(failure?.hasSuffix("worst at [1]: found nan, expected 2.0") == true)
    #expect(closenessFailure([1, 2, .infinity], shape: [3], expected, ratio: 1e9) != nil)
    #expect(closenessFailure([1], shape: [1], ReferenceTensor([1], [.nan]), ratio: 1e9) != nil)
  }

  @Test func zerosAreCloseToZerosOnly() {
    let zeros = ReferenceTensor([2])
    #expect(closenessFailure([0, 0], shape: [2], zeros, ratio: 0) == nil)
    #expect(closenessFailure([], shape: [0], ReferenceTensor([0]), ratio: 0) == nil)
    #expect(closenessFailure([1e-30, 0], shape: [2], zeros, ratio: 1) != nil)
  }

  @Test func failsForAnotherShape() {
    let expected = ReferenceTensor([1, 2], [1, 2])
    let failure = closenessFailure([1, 2], shape: [2, 1], expected, ratio: 1)
    #expect(failure == "expected shape [1, 2], found [2, 1] with 2 values")
    #expect(closenessFailure([1], shape: [1, 2], expected, ratio: 1) != nil)
  }
}

@Suite struct ExpectGradientTests {
  @Test(arguments: [2, 40]) func passesForTheGradientAndFailsForAnother(count: Int) {
    let x = ReferenceTensor([count], (0..<count).map { 1 + Double($0) })
    func square(_ x: ReferenceTensor) -> Double { x.dot(x) }
    expectGradient(2 * x, "dx", at: x, ratio: differencing, of: square)
    #expect(gradientFailure(2.001 * x, at: x, ratio: differencing, of: square) != nil)
    #expect(gradientFailure(2 * x.reshaped([count, 1]), at: x, ratio: differencing, of: square) != nil)
  }

  @Test func recordsAFailure() {
    let x = ReferenceTensor([1], [1])
    withKnownIssue { expectGradient(x, "dx", at: x, ratio: differencing) { $0.dot($0) } }
  }
}

@Suite struct TemporaryFolderTests {
  @Test func isGoneAfterwardsWithItsFiles() throws {
    var path = ""
    do {
      let folder = try TemporaryFolder()
      path = try folder.add("file", Array("text".utf8))
      #expect(FileManager.default.fileExists(atPath: path))
    }
    #expect(!path.isEmpty && !FileManager.default.fileExists(atPath: path))
  }
}

@Suite struct ReferenceTensorTests {
  @Test func slicesAndJoinsAlongEveryAxis() {
    let x = ReferenceTensor([2, 3, 2], (0..<12).map(Double.init))
    #expect(x.slice(axis: 1, 1..<3).values == [2, 3, 4, 5, 8, 9, 10, 11])
    for axis in 0..<3 {
      for split in 0...x.shape[axis] {
        let parts = (x.slice(axis: axis, 0..<split), x.slice(axis: axis, split..<x.shape[axis]))
        #expect(parts.0.joined(parts.1, axis: axis) == x)
      }
    }
  }

  @Test func indexesInRowMajorOrder() {
    let x = ReferenceTensor([2, 2, 2, 2], (0..<16).map(Double.init))
    #expect(x[1, 0, 1, 0] == 10)
    #expect(x.reshaped([4, 4])[2, 2] == 10)
    #expect(x.reshaped([2, 4, 2])[1, 1, 0] == 10)
    #expect(x.reshaped([16])[10] == 10)
  }
}
