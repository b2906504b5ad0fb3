import EngineTestSupport
import Tensors
import TestSupport
import Testing

@Suite struct LayerNormTests {
  // Some ten roundings of 6e-8 each for a number, the row's sums in sixteen lanes.
  private let ratio = 1e-6

  @Test(arguments: [2, 7, 16, 17, 33, 100], [1, 64, 65, 200])
  func forwardAndBackwardEqualTheReference(width: Int, rows: Int) {
    let pool = WorkerPool(threadCount: 2)
    for (hasWeight, hasBias) in [(false, false), (false, true), (true, false), (true, true)] {
      var generator = SeededGenerator(seed: 6)
      let x = ReferenceTensor.roundedNormal([rows, width], using: &generator)
      let weight = hasWeight ? ReferenceTensor.roundedNormal([width], using: &generator) : nil
      let bias = hasBias ? ReferenceTensor.roundedNormal([width], using: &generator) : nil
      // Of a row of two numbers nearly nothing is left for dx without a visible ε.
      let epsilon = Double(Float(width == 2 ? 0.5 : 1e-3))
      let (y, mean, inverse) = (
        Tensor.poison(Shape(rows, width)), Tensor.poison(Shape(rows)), Tensor.poison(Shape(rows))
      )
      layerNorm(
        y, mean: mean, inverse: inverse, Tensor(x), weight: weight.map(Tensor.init), bias: bias.map(Tensor.init),
        epsilon: Float(epsilon), on: pool)
      expectClose(y, Reference.layerNorm(x, weight: weight, bias: bias, epsilon: epsilon), ratio: ratio, "y")

      let dy = ReferenceTensor.roundedNormal([rows, width], using: &generator)
      let addend = ReferenceTensor.roundedNormal([rows, width], using: &generator)
      let before = ReferenceTensor.roundedNormal([2, width], using: &generator)
      let expected = Reference.layerNormBackward(dy, x: x, weight: weight, epsilon: epsilon)
      let partials = Tensor.poison(Shape(2 * partialCount(rows: rows) * width))
      func backward(_ dx: Tensor, _ dweight: Tensor?, _ dbias: Tensor?, _ addend: Tensor?) {
        layerNormBackward(
          dx, dweight: dweight, dbias: dbias, addend: addend, Tensor(dy), Tensor(x), weight: weight.map(Tensor.init),
          mean: mean, inverse: inverse, partials: partials, on: pool)
      }
      let (dx, sums) = (Tensor.poison(Shape(rows, width)), Tensor(before))
      backward(
        dx, hasWeight ? sums.view(Shape(width)) : nil, hasBias ? sums.view(Shape(width), at: width) : nil, nil)
      expectClose(dx, expected.dx, ratio: ratio, "dx")
      let zeros = ReferenceTensor([width])
      let added = (hasWeight ? expected.dweight : zeros).values + (hasBias ? expected.dbias : zeros).values
      expectClose(sums, before + ReferenceTensor([2, width], added), ratio: ratio, "dweight, dbias")

      let sum = Tensor(addend)
      backward(sum, nil, nil, sum)
      expectClose(sum, addend + expected.dx, ratio: ratio, "dx in the place of the addend")
    }
  }

  @Test func aConstantRowIsItsBias() {
    let (y, statistics, pool) = (Tensor.poison(Shape(1, 20)), Tensor(Shape(1)), WorkerPool(threadCount: 1))
    let (x, bias) = (Tensor(Shape(1, 20)), Tensor(Shape(20), (0..<20).map(Float.init)))
    x.fill(3)
    layerNorm(
      y, mean: statistics, inverse: Tensor(Shape(1)), x, weight: nil, bias: bias, epsilon: 1e-6, on: pool)
    #expect(y.values == bias.values)
    #expect(statistics[0] == 3)
  }

  @Test func nothingReachesARowOfOneNumber() {
    let (dx, mean, inverse) = (Tensor.poison(Shape(1, 1)), Tensor(Shape(1), [3]), Tensor(Shape(1), [1000]))
    layerNormBackward(
      dx, dweight: nil, dbias: nil, addend: nil, Tensor(Shape(1, 1), [0.3]), Tensor(Shape(1, 1), [3]),
      weight: Tensor(Shape(1), [0.7]), mean: mean, inverse: inverse, partials: Tensor(Shape(2)),
      on: WorkerPool(threadCount: 1))
    // The rounding of one product, 6e-8 of 0.21, times the inverse.
    #expect(abs(dx[0]) <= 1.3e-8 * 1000)
  }

  @Test func hasTheSameBitsForAnyNumberOfThreads() {
    var generator = SeededGenerator(seed: 8)
    let (x, dy) = (
      Tensor(.roundedNormal([500, 48], using: &generator)), Tensor(.roundedNormal([500, 48], using: &generator))
    )
    let (weight, bias) = (
      Tensor(.roundedNormal([48], using: &generator)), Tensor(.roundedNormal([48], using: &generator))
    )
    let results = [1, 2, 3, 8].map { threadCount in
      let pool = WorkerPool(threadCount: threadCount)
      let (y, mean, inverse) = (Tensor(Shape(500, 48)), Tensor(Shape(500)), Tensor(Shape(500)))
      let (dx, dweight, dbias) = (Tensor(Shape(500, 48)), Tensor(Shape(48)), Tensor(Shape(48)))
      layerNorm(y, mean: mean, inverse: inverse, x, weight: weight, bias: bias, epsilon: 1e-6, on: pool)
      layerNormBackward(
        dx, dweight: dweight, dbias: dbias, addend: nil, dy, x, weight: weight, mean: mean, inverse: inverse,
        partials: Tensor(Shape(2 * partialCount(rows: 500) * 48)), on: pool)
      return y.bits + dx.bits + dweight.bits + dbias.bits
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }
}

@Suite struct BiasTests {
  @Test(arguments: [1, 7, 16, 17, 33], [1, 64, 65, 200]) func biasIsAddedAndItsGradientSummed(width: Int, rows: Int) {
    var generator = SeededGenerator(seed: 15)
    let x = ReferenceTensor.roundedNormal([rows, width], using: &generator)
    let (bias, before) = (
      ReferenceTensor.roundedNormal([width], using: &generator),
      ReferenceTensor.roundedNormal([width], using: &generator)
    )
    var (sum, gradient) = (x, before)
    for row in 0..<rows {
      for column in 0..<width {
        sum[row, column] += bias[column]
        gradient[column] += x[row, column]
      }
    }
    let results = [1, 2, 3, 8].map { threadCount in
      let (y, dbias, pool) = (Inlay(x), Tensor(before), WorkerPool(threadCount: threadCount))
      addBiasBackward(dbias, y.matrix, partials: .poison(Shape(partialCount(rows: rows) * width)), on: pool)
      // Sums of 64 rounded additions and fewer.
      expectClose(dbias, gradient, ratio: 1e-6, "dbias")
      addBias(y.matrix, Tensor(bias), on: pool)
      // One addition.
      expectClose(y.values, sum, ratio: 1e-7, "y")
      #expect(y.isBorderIntact)
      return dbias.bits + y.values.floats.map(\.bitPattern)
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }
}
