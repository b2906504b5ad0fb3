import EngineTestSupport
import Tensors
import TestSupport
import Testing

@Suite struct WeightedSumTests {
  private let a = Tensor(Shape(1), [1.15])
  private let b = Tensor(Shape(1), [-0.3])

  private func tensors(rows: Int, width: Int) -> (x: Tensor, z: Tensor, dy: Tensor, before: Tensor) {
    var generator = SeededGenerator(seed: 22)
    func normal() -> Tensor { Tensor(.roundedNormal([rows, width], using: &generator)) }
    return (normal(), normal(), normal(), normal())
  }

  // The last has three blocks of sums.
  @Test(arguments: [(1, 1), (3, 7), (5, 16), (70, 33), (300, 512)])
  func forwardAndBackwardEqualTheReference(rows: Int, width: Int) {
    let pool = WorkerPool(threadCount: 3)
    let (x, z, dy, before) = tensors(rows: rows, width: width)
    let (y, inPlace) = (Tensor.poison(Shape(rows, width)), Tensor(Shape(rows, width), x.values))
    weightedSum(y, x, z, factors: (a, b), on: pool)
    let expected = Double(a[0]) * x.reference + Double(b[0]) * z.reference
    // Three roundings.
    expectClose(y, expected, ratio: 2e-7, "y")
    weightedSum(inPlace, inPlace, z, factors: (a, b), on: pool)
    #expect(inPlace.bits == y.bits)

    let (dz, da, db) = (Tensor(Shape(rows, width), before.values), Tensor(Shape(1), [2]), Tensor(Shape(1), [3]))
    let partials = Tensor.poison(Shape(partialCount(rows: rows) * 2 * width))
    weightedSumBackward(
      dy, dz: dz, dfactors: (da, db), dy, x, z, factors: (a, b), partials: partials, on: pool)
    let upstream = tensors(rows: rows, width: width).dy.reference
    expectClose(dy, Double(a[0]) * upstream, ratio: 1e-7, "dx")
    expectClose(dz, before.reference + Double(b[0]) * upstream, ratio: 2e-7, "dz")
    expectClose([da[0]], [2 + upstream.dot(x.reference)], ratio: 1e-6, "da")
    expectClose([db[0]], [3 + upstream.dot(z.reference)], ratio: 1e-6, "db")
  }

  @Test func hasTheSameBitsForAnyNumberOfThreads() {
    let results = [1, 2, 3, 8].map { threadCount in
      let pool = WorkerPool(threadCount: threadCount)
      let (x, z, dy, dz) = tensors(rows: 400, width: 512)
      let (y, da, db) = (Tensor(Shape(400, 512)), Tensor(Shape(1)), Tensor(Shape(1)))
      weightedSum(y, x, z, factors: (a, b), on: pool)
      weightedSumBackward(
        dy, dz: dz, dfactors: (da, db), dy, x, z, factors: (a, b), partials: Tensor(Shape(7 * 2 * 512)), on: pool)
      return y.bits + dy.bits + dz.bits + da.bits + db.bits
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }
}
