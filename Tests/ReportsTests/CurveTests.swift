import Reports
import TestSupport
import Testing

@Suite struct CurveTests {
  private func values(_ count: Int) -> [Double] {
    var generator = SeededGenerator(seed: 5)
    return (0..<count).map { _ in Double.random(in: 1...9, using: &generator) }
  }

  @Test(arguments: [1, 3, 512, 513, 5_000, 100_000])
  func bucketsHoldAllPointsInBoundedMemory(_ count: Int) {
    let values = values(count)
    var curve = Curve()
    for (index, value) in values.enumerated() { curve.append(step: 1 + index * 7, value) }
    let buckets = curve.buckets
    #expect(buckets.count <= Curve.largestBucketCount)
    #expect(buckets.count >= min(count, Curve.largestBucketCount / 2))
    #expect(buckets.reduce(0) { $0 + $1.count } == count)
    #expect(buckets.map(\.lowest).min() == values.min() && buckets.map(\.highest).max() == values.max())
    let sum = buckets.reduce(0) { $0 + $1.mean * Double($1.count) }
    // Sums of positive numbers in another order: far fewer units in the last place than there are terms.
    #expect(abs(sum - values.reduce(0, +)) <= sum * Double(count) * .ulpOfOne)
    #expect(zip(buckets, buckets.dropFirst()).allSatisfy { $0.step < $1.step })
    #expect(buckets.allSatisfy { $0.lowest <= $0.mean && $0.mean <= $0.highest })
  }

  @Test func aFewPointsStayWhatTheyAre() {
    var curve = Curve()
    for (step, value) in [(1, 8.5), (10, 7), (20, 6.25)] { curve.append(step: step, value) }
    #expect(curve.buckets.map(\.step) == [1, 10, 20])
    #expect(curve.buckets.map(\.mean) == [8.5, 7, 6.25])
    #expect(curve.smoothed == [8.5, 7, 6.25])
  }

  @Test func whatIsNotFiniteIsLeftOut() {
    var curve = Curve()
    for (step, value) in [(1, .nan), (2, 4), (3, .infinity)] as [(Int, Double)] { curve.append(step: step, value) }
    #expect(curve.buckets.map(\.step) == [2])
  }

  @Test func goingBackForgetsLaterPoints() {
    var curve = Curve()
    for step in 1...300 { curve.append(step: step, Double(step)) }
    curve.remove(after: 40)
    #expect(curve.buckets.map(\.step) == (1...40).map(Double.init))
    curve.append(step: 41, 0.5)
    #expect(curve.buckets.last?.lowest == 0.5)
    // Buckets of several steps: the one that holds the step stays as it is.
    for step in 42...10_000 { curve.append(step: step, 1) }
    curve.remove(after: 5_000)
    let width = 10_000.0 / 256
    #expect(try! #require(curve.buckets.last).step <= 5_000 + width)
    curve.remove(after: -1)
    #expect(curve.buckets.isEmpty)
  }

  @Test func smoothingKeepsLevelsAndTheFirstPoint() {
    var (flat, noisy) = (Curve(), Curve())
    for (index, value) in values(2_000).enumerated() {
      flat.append(step: index + 1, 2.5)
      noisy.append(step: index + 1, value)
    }
    #expect(flat.smoothed.allSatisfy { $0 == 2.5 })
    #expect(noisy.smoothed.first == noisy.buckets.first?.mean)
    func roughness(_ values: [Double]) -> Double { zip(values, values.dropFirst()).reduce(0) { $0 + abs($1.1 - $1.0) } }
    #expect(roughness(noisy.smoothed) * 5 < roughness(noisy.buckets.map(\.mean)))
  }

  @Test func aSpikeDoesNotLiftTheSmoothedLine() {
    var curve = Curve()
    for step in 1...400 { curve.append(step: step, step == 200 ? 1e4 : 3) }
    #expect(curve.smoothed.allSatisfy { $0 == 3 })
    #expect(curve.buckets.contains { $0.highest == 1e4 })
  }
}
