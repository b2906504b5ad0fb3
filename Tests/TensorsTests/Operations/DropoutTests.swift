import EngineTestSupport
import Tensors
import TestSupport
import Testing

@Suite struct DropoutTests {
  private let pool = WorkerPool(threadCount: 3)

  @Test(arguments: [1, 7, 16, 17, 100, 513], [0, 0.1, 0.5, 0.999])
  func equalsTheReference(width: Int, rate: Double) {
    var generator = SeededGenerator(seed: 21)
    let rows = 130
    let x = Tensor(.roundedNormal([rows, width], using: &generator))
    let before = Tensor(.roundedNormal([rows, width], using: &generator))
    let mask = DropoutMask(rate: rate, key: 0x0123_4567_89AB_CDEF, firstRow: 41)
    let factors = ReferenceDropout.factors(rate: rate, key: mask.key, rows: rows, width: width, firstRow: 41).floats
    let y = Tensor.poison(Shape(rows, width))
    dropout(y, x, mask: mask, accumulate: false, on: pool)
    #expect(y.values == zip(x.values, factors).map { $0 * $1 })

    let (sum, inPlace) = (Tensor(Shape(rows, width), before.values), Tensor(Shape(rows, width), x.values))
    dropout(sum, x, mask: mask, accumulate: true, on: pool)
    // The product and the sum may be fused.
    expectClose(sum, before.reference + y.reference, ratio: 1e-7)
    for (index, factor) in factors.enumerated() where factor == 0 { #expect(sum[index] == before[index]) }
    dropout(inPlace, inPlace, mask: mask, accumulate: false, on: pool)
    #expect(inPlace.bits == y.bits)
  }

  @Test func aPartOfTheRowsHasTheMaskOfTheWhole() {
    let (rows, width) = (200, 33)
    let ones = Tensor(Shape(rows, width))
    ones.fill(1)
    func dropped(first: Int, count: Int) -> [Float] {
      let y = Tensor(Shape(count, width))
      let mask = DropoutMask(rate: 0.3, key: 9, firstRow: first)
      dropout(y, ones.prefix(count), mask: mask, accumulate: false, on: pool)
      return y.values
    }
    let whole = dropped(first: 0, count: rows)
    for cut in [1, 63, 64, 150] {
      #expect(dropped(first: 0, count: cut) + dropped(first: cut, count: rows - cut) == whole)
    }
  }

  /// The bits are as good as random: rate, and no relation between neighbours, rows or keys.
  @Test(arguments: [0.1, 0.5]) func theMaskLooksRandom(rate: Double) {
    let (rows, width) = (400, 500)
    let ones = Tensor(Shape(rows, width))
    ones.fill(1)
    func isDropped(key: UInt64) -> [Bool] {
      let y = Tensor(Shape(rows, width))
      dropout(y, ones, mask: DropoutMask(rate: rate, key: key, firstRow: 0), accumulate: false, on: pool)
      return y.values.map { $0 == 0 }
    }
    let (one, other) = (isDropped(key: 1), isDropped(key: 2))
    /// Standard deviations between a count of n events of probability p and its mean.
    func surprise(_ count: Int, of n: Int, probability p: Double) -> Double {
      abs(Double(count) - Double(n) * p) / (Double(n) * p * (1 - p)).squareRoot()
    }
    let n = rows * width
    #expect(surprise(one.count { $0 }, of: n, probability: rate) < 4)
    #expect(surprise(zip(one, other).count { $0 && $1 }, of: n, probability: rate * rate) < 4)
    for distance in [1, 2, 3, 4, 8, 16, 64, 128, 256, width, 2 * width] {
      let both = zip(one, one.dropFirst(distance)).count { $0 && $1 }
      #expect(surprise(both, of: n - distance, probability: rate * rate) < 4, "distance \(distance)")
    }
    for row in 0..<rows {
      let count = one[row * width..<(row + 1) * width].count { $0 }
      #expect(surprise(count, of: width, probability: rate) < 5, "row \(row)")
    }
    for column in 0..<width {
      let count = stride(from: column, to: n, by: width).count { one[$0] }
      #expect(surprise(count, of: rows, probability: rate) < 5, "column \(column)")
    }
  }

  @Test func whatIsKeptMakesUpForWhatIsDropped() {
    for rate in [0, 1e-9, 0.1, 0.5, 0.75, 0.9999999, 0.999999999999] {
      let scale = DropoutMask(rate: rate, key: 0, firstRow: 0).scale
      #expect(scale >= 1 && scale.isFinite)
      if rate < 0.99 { #expect(abs(Double(scale) * (1 - rate) - 1) < 3e-7) }
    }
    #expect(DropoutMask(rate: 0.5, key: 0, firstRow: 0).scale == 2)
  }
}
