import EngineTestSupport
import Glibc
import Tensors
import TestSupport
import Testing

@Suite struct DecayRowsTests {
  private let gamma = 0.9

  @Test(arguments: [0, 3, 20], [false, true]) func theMaskIsTheDecayedTriangle(rowOffset: Int, isCut: Bool) {
    let (rows, columns, columnOffset) = (19, rowOffset + 19, isCut ? 5 : 0)
    var generator = SeededGenerator(seed: 19)
    let scores = ReferenceTensor.roundedNormal([rows, columns], using: &generator)
    let powers = ReferenceTensor([50], (0..<50).reversed().map { pow(gamma, Double($0)) })
    // First keys before, inside and behind what the row sees.
    let first = (0..<rows).map { $0 % 4 == 0 ? -1 : columnOffset + $0 * 2 - 3 }
    var expected = scores
    for j in 0..<rows {
      for i in 0..<columns {
        let isSeen = i <= rowOffset + j && (!isCut || first[j] <= columnOffset + i)
        expected[j, i] = isSeen ? scores[j, i] * pow(gamma, Double(rowOffset + j - i)) : 0
      }
    }
    let found = Inlay(scores)
    maskWithDecay(
      found.matrix, powers: Tensor(powers), rowOffset: rowOffset,
      firstColumn: isCut ? Indices(first.map(Int32.init)) : nil, columnOffset: columnOffset)
    // One product with a rounded power.
    expectClose(found.values, expected, ratio: 2e-7)
    for (found, expected) in zip(found.values.values, expected.values) where expected == 0 { #expect(found == 0) }
    #expect(found.isBorderIntact)
  }

  @Test func theMaskOverwritesWhatIsNotANumber() {
    let scores = Tensor.poison(Shape(2, 4))
    scores[0] = 1
    scores[4] = 1
    scores[5] = 1
    maskWithDecay(Matrix(scores), powers: Tensor(Shape(2), [0.5, 1]), rowOffset: 0, firstColumn: nil)
    #expect(scores.values == [1, 0, 0, 0, 0.5, 1, 0, 0])
  }

  @Test(arguments: [1, 7, 16, 17, 33]) func rowsAreScaled(width: Int) {
    var generator = SeededGenerator(seed: 20)
    let (x, y) = (
      Inlay(.roundedNormal([6, width], using: &generator)), Inlay(.roundedNormal([6, width], using: &generator))
    )
    let factor = ReferenceTensor.roundedNormal([8], using: &generator)
    var scaled = x.values
    for row in 0..<6 {
      for column in 0..<width { scaled[row, column] *= factor[row] }
    }
    let sum = y.values + scaled
    scaleRows(y.matrix, x.matrix, factor: Tensor(factor), accumulate: true)
    // One product, one sum.
    expectClose(y.values, sum, ratio: 2e-7, "added")
    scaleRows(y.matrix, x.matrix, factor: Tensor(factor))
    expectClose(y.values, scaled, ratio: 1e-7, "written")
    scaleRows(x.matrix, x.matrix, factor: Tensor(factor))
    #expect(x.values == y.values, "in place")
    #expect(x.isBorderIntact && y.isBorderIntact)
  }
  @Test(arguments: [1, 7, 16, 17, 33, 100]) func absoluteValuesOfARowAreSummed(width: Int) {
    var generator = SeededGenerator(seed: 21)
    let scores = Inlay(.roundedNormal([5, width], using: &generator))
    let expected = (0..<5).map { row in (0..<width).reduce(0) { $0 + abs(scores.values[row, $1]) } }
    let sums = Tensor.poison(Shape(7))
    absoluteRowSums(sums, scores.matrix)
    // Sums of at most seven rounded additions in sixteen lanes.
    expectClose(Array(sums.values[..<5]), expected, ratio: 2e-7)
    #expect(sums[5].isNaN && sums[6].isNaN)
  }

  @Test(arguments: [1, 64, 65, 200]) func rowsAreScaledOverThePool(rows: Int) {
    var generator = SeededGenerator(seed: 22)
    let x = ReferenceTensor.roundedNormal([rows, 17], using: &generator)
    let factor = ReferenceTensor.roundedNormal([rows], using: &generator)
    let expected = ReferenceTensor(x.shape, x.values.indices.map { x.values[$0] * factor.values[$0 / 17] })
    let results = [1, 2, 3, 8].map { threadCount in
      let y = Tensor(x)
      scaleRows(y, by: Tensor(factor), on: WorkerPool(threadCount: threadCount))
      // One product.
      expectClose(y, expected, ratio: 1e-7)
      return y.bits
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }
}
