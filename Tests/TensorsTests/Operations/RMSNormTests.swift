import EngineTestSupport
import Tensors
import TestSupport
import Testing

@Suite struct RMSNormTests {
  // Some ten roundings of 6e-8 each for a number, the row's sum in sixteen lanes.
  private let ratio = 1e-6

  @Test(arguments: [1, 7, 16, 17, 33, 100], [1, 64, 65, 200])
  func forwardAndBackwardEqualTheReference(width: Int, rows: Int) {
    let pool = WorkerPool(threadCount: 2)
    for isWeighted in [false, true] {
      var generator = SeededGenerator(seed: 6)
      let x = ReferenceTensor.roundedNormal([rows, width], using: &generator)
      let weight = isWeighted ? ReferenceTensor.roundedNormal([width], using: &generator) : nil
      // A row of one number has dx = w ε / (x² + ε)^1.5: only a visible ε leaves digits to compare.
      let epsilon = Double(Float(width == 1 ? 0.5 : 1e-3))
      let y = Tensor.poison(Shape(rows, width))
      let inverse = Tensor.poison(Shape(rows))
      rmsNorm(y, inverse: inverse, Tensor(x), weight: weight.map(Tensor.init), epsilon: Float(epsilon), on: pool)
      expectClose(y, Reference.rmsNorm(x, weight: weight, epsilon: epsilon), ratio: ratio, "y")

      let dy = ReferenceTensor.roundedNormal([rows, width], using: &generator)
      let addend = ReferenceTensor.roundedNormal([rows, width], using: &generator)
      let before = ReferenceTensor.roundedNormal([width], using: &generator)
      let expected = Reference.rmsNormBackward(dy, x: x, weight: weight, epsilon: epsilon)
      let partials = Tensor.poison(Shape(partialCount(rows: rows) * width))
      func backward(_ dx: Tensor, _ dweight: Tensor?, _ addend: Tensor?, _ dy: Tensor) {
        rmsNormBackward(
          dx, dweight: dweight, addend: addend, dy, Tensor(x), weight: weight.map(Tensor.init), inverse: inverse,
          partials: partials, on: pool)
      }
      let (dx, dweight) = (Tensor.poison(Shape(rows, width)), Tensor(before))
      backward(dx, dweight, nil, Tensor(dy))
      expectClose(dx, expected.dx, ratio: ratio, "dx")
      expectClose(dweight, before + expected.dweight, ratio: ratio, "dweight")

      let sum = Tensor(addend)
      backward(sum, nil, sum, Tensor(dy))
      expectClose(sum, addend + expected.dx, ratio: ratio, "dx in the place of the addend")

      let inPlace = Tensor(dy)
      backward(inPlace, nil, nil, inPlace)
      #expect(inPlace.bits == dx.bits, "dx in the place of dy")
    }
  }

  @Test func mayWriteInPlace() {
    var generator = SeededGenerator(seed: 7)
    let x = Tensor(.roundedNormal([5, 33], using: &generator))
    let (y, inverse, pool) = (Tensor(Shape(5, 33)), Tensor(Shape(5)), WorkerPool(threadCount: 1))
    rmsNorm(y, inverse: inverse, x, weight: nil, epsilon: 1e-6, on: pool)
    rmsNorm(x, inverse: inverse, x, weight: nil, epsilon: 1e-6, on: pool)
    #expect(x.bits == y.bits)
  }

  @Test func aZeroRowStaysZero() {
    let (y, inverse, pool) = (Tensor.poison(Shape(1, 20)), Tensor(Shape(1)), WorkerPool(threadCount: 1))
    rmsNorm(y, inverse: inverse, Tensor(Shape(1, 20)), weight: nil, epsilon: 1e-6, on: pool)
    #expect(y.values.allSatisfy { $0 == 0 })
    #expect(abs(inverse[0] - 1000) < 0.01)
  }

  @Test func hasTheSameBitsForAnyNumberOfThreads() {
    var generator = SeededGenerator(seed: 8)
    let (x, dy) = (
      Tensor(.roundedNormal([500, 48], using: &generator)), Tensor(.roundedNormal([500, 48], using: &generator))
    )
    let weight = Tensor(.roundedNormal([48], using: &generator))
    let results = [1, 2, 3, 8].map { threadCount in
      let pool = WorkerPool(threadCount: threadCount)
      let (y, inverse) = (Tensor(Shape(500, 48)), Tensor(Shape(500)))
      let (dx, dweight) = (Tensor(Shape(500, 48)), Tensor(Shape(48)))
      rmsNorm(y, inverse: inverse, x, weight: weight, epsilon: 1e-6, on: pool)
      rmsNormBackward(
        dx, dweight: dweight, addend: nil, dy, x, weight: weight, inverse: inverse,
        partials: Tensor(Shape(partialCount(rows: 500) * 48)), on: pool)
      return y.bits + dx.bits + dweight.bits
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }
}
