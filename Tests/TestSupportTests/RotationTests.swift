import TestSupport
import Testing

@Suite struct RotationTests {
  static let cases = ReferenceRotationLayout.allCases.flatMap { layout in
    ReferenceAngles.allCases.map { (layout, $0) }
  }

  @Test func theTablesAreThoseOfTheFormulas() {
    expectClose(ReferenceAngles.standard.table(keyWidth: 4, base: 10000), [1, 0.01], ratio: 1e-15)
    expectClose(ReferenceAngles.linspace.table(keyWidth: 6, base: 10000), [1, 0.01, 0.0001], ratio: 1e-15)
    #expect(ReferenceAngles.linspace.table(keyWidth: 2, base: 10000) == [1])
  }

  @Test func aQuarterTurnMovesTheFirstOfAPairToTheSecond() {
    let x = ReferenceTensor([1, 1, 1, 4], [1, 2, 3, 4])
    let quarters = [Double.pi / 2, 0]
    let interleaved = Reference.rotation(x, positions: [[1]], angles: quarters, layout: .interleaved)
    expectClose(interleaved.values, [-2, 1, 3, 4], ratio: 1e-15)
    let halfSplit = Reference.rotation(x, positions: [[1]], angles: quarters, layout: .halfSplit)
    expectClose(halfSplit.values, [-3, 2, 1, 4], ratio: 1e-15)
  }

  @Test(arguments: cases) func backwardIsTheGradient(layout: ReferenceRotationLayout, table: ReferenceAngles) {
    var generator = SeededGenerator(seed: 5)
    let angles = table.table(keyWidth: 6, base: 100)
    let positions = [[0, 1, 2], [7, 8, 900]]
    let x = ReferenceTensor.normal([2, 3, 2, 6], using: &generator)
    let dy = ReferenceTensor.normal([2, 3, 2, 6], using: &generator)
    let dx = Reference.rotationBackward(dy, positions: positions, angles: angles, layout: layout)
    expectGradient(dx, "dx", at: x, ratio: differencing) {
      Reference.rotation($0, positions: positions, angles: angles, layout: layout).dot(dy)
    }
  }

  @Test(arguments: cases) func scoresDependOnTheDistanceOnly(layout: ReferenceRotationLayout, table: ReferenceAngles) {
    var generator = SeededGenerator(seed: 6)
    let angles = table.table(keyWidth: 6, base: 10000)
    let q = ReferenceTensor.normal([1, 1, 1, 6], using: &generator)
    let k = ReferenceTensor.normal([1, 1, 1, 6], using: &generator)
    func score(_ n: Int, _ m: Int) -> Double {
      Reference.rotation(q, positions: [[n]], angles: angles, layout: layout)
        .dot(Reference.rotation(k, positions: [[m]], angles: angles, layout: layout))
    }
    expectClose([score(1005, 1003), score(-1, -3)], [score(2, 0), score(2, 0)], ratio: 1e-12)
  }

  @Test func layoutsDifferByAPermutationOfTheFeatures() {
    var generator = SeededGenerator(seed: 7)
    let angles = ReferenceAngles.standard.table(keyWidth: 6, base: 10000)
    let x = ReferenceTensor.normal([1, 2, 1, 6], using: &generator)
    func permuted(_ x: ReferenceTensor) -> ReferenceTensor {
      var result = x
      for t in 0..<2 {
        for (new, old) in [0, 2, 4, 1, 3, 5].enumerated() { result[0, t, 0, new] = x[0, t, 0, old] }
      }
      return result
    }
    let interleaved = Reference.rotation(x, positions: [[3, 4]], angles: angles, layout: .interleaved)
    let halfSplit = Reference.rotation(permuted(x), positions: [[3, 4]], angles: angles, layout: .halfSplit)
    #expect(halfSplit == permuted(interleaved))
  }
}
