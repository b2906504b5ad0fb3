import Testing
import retnet

/// Means, errors and signs of the report, from numbers that are known.
@Suite struct PaperStatisticsTests {
  @Test func theStandardErrorIsThatOfTheMean() throws {
    // The sample variance of 1, 2, 3, 4 is 5/3.
    let sample = PaperSample([1, 2, 3, 4])
    #expect(sample.mean == 2.5)
    #expect(abs(try #require(sample.standardError) - (5.0 / 12).squareRoot()) < 1e-15)
    #expect(sample.text(2) == "2.50 ± 0.65")
    #expect(PaperSample([2]).standardError == nil && PaperSample([2]).text(1) == "2.0")
  }

  @Test func errorsOfADifferenceAddInSquares() throws {
    let (a, b) = (PaperSample([1.0, 1.2]), PaperSample([2.0, 2.4]))
    let difference = PaperDifference(a, minus: b)
    // Standard errors of 0.1 and 0.2.
    #expect(abs(difference.value + 1.1) < 1e-15)
    #expect(abs(try #require(difference.standardError) - 0.05.squareRoot()) < 1e-15)
    #expect(difference.sign == -1 && PaperDifference(b, minus: a).sign == 1)
    #expect(difference.text(2) == "−1.10 ± 0.22" && PaperDifference(b, minus: a).text(2) == "+1.10 ± 0.22")
  }

  /// Two standard errors decide; a single seed decides nothing.
  @Test(arguments: [([1.0, 1.2], [1.3, 1.7], 0), ([1.0, 1.2], [1.5, 1.52], -1), ([1.0], [9.0], 0)])
  func aSmallDifferenceHasNoSign(_ a: [Double], _ b: [Double], _ sign: Int) {
    #expect(PaperDifference(PaperSample(a), minus: PaperSample(b)).sign == sign)
  }
}
