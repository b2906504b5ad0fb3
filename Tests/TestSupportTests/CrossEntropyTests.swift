import TestSupport
import Testing

@Suite struct CrossEntropyTests {
  @Test func equalLogitsCostTheLogarithmOfTheirNumber() {
    let (lossSum, count, dlogits) = Reference.crossEntropy(ReferenceTensor([2, 4]), targets: [3, 0])
    expectClose([lossSum], [2 * 1.386294361119891], ratio: 1e-15)
    #expect(count == 2)
    #expect(dlogits.values == [0.25, 0.25, 0.25, -0.75, -0.75, 0.25, 0.25, 0.25])
  }

  @Test func aShiftOfHugeLogitsChangesNothing() {
    let (lossSum, _, _) = Reference.crossEntropy(ReferenceTensor([1, 2], [1e6, 1e6 + 1]), targets: [0])
    // log(1 + e).
    expectClose([lossSum], [1.313261687518223], ratio: 1e-9)
  }

  @Test func gradientIsThatOfTheSumWithoutIgnoredRows() {
    var generator = SeededGenerator(seed: 9)
    let logits = ReferenceTensor.normal([2, 3, 5], deviation: 2, using: &generator)
    let targets = [4, -1, 0, 2, 2, -1]
    let (_, count, dlogits) = Reference.crossEntropy(logits, targets: targets)
    #expect(count == 4)
    expectGradient(dlogits, "dlogits", at: logits, ratio: differencing) {
      Reference.crossEntropy($0, targets: targets).lossSum
    }
    #expect(dlogits.slice(axis: 0, 0..<1).slice(axis: 1, 1..<2).values == [0, 0, 0, 0, 0])
  }
}
