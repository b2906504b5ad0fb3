import EngineTestSupport
import Tensors
import TestSupport
import Testing

@Suite struct GatedNormTests {
  // Some twenty roundings of 6e-8 each for a number, e^x within 2 ULP among them.
  private let ratio = 1e-6

  @Test(arguments: [1, 7, 16, 17, 33, 100], [1, 3])
  func forwardAndBackwardEqualTheReference(width: Int, heads: Int) {
    let (rows, total) = (70, heads * width)
    let pool = WorkerPool(threadCount: 2)
    // As for the plain norm: a row of one number needs a visible ε.
    let epsilon = Double(Float(width == 1 ? 0.5 : 1e-3))
    for isWeighted in [false, true] {
      var generator = SeededGenerator(seed: 9)
      let o = ReferenceTensor.roundedNormal([rows, heads, width], using: &generator)
      let g = ReferenceTensor.roundedNormal([rows, total], deviation: 3, using: &generator)
      let dz = ReferenceTensor.roundedNormal([rows, total], using: &generator)
      let weight = isWeighted ? ReferenceTensor.roundedNormal([width], using: &generator) : nil
      let before = ReferenceTensor.roundedNormal([width], using: &generator)

      let normed = Reference.rmsNorm(o, weight: weight, epsilon: epsilon).reshaped([rows, total])
      let (dg, dnormed) = Reference.gateBackward(dz, g: g, y: normed)
      let (dO, dweight) = Reference.rmsNormBackward(
        dnormed.reshaped([rows, heads, width]), x: o, weight: weight, epsilon: epsilon)

      let (z, inverse, gate) = (Tensor.poison(Shape(rows, total)), Tensor.poison(Shape(rows, heads)), Inlay(g))
      let (heads, weights) = (Tensor(o.reshaped([rows, total])), weight.map(Tensor.init))
      let mean = Tensor.poison(inverse.shape)
      gatedNorm(
        z, mean: mean, inverse: inverse, heads, gate.matrix, norm: .rms, weight: weights, epsilon: Float(epsilon),
        on: pool)
      expectClose(z, Reference.gate(g, normed), ratio: ratio, "z")

      let foundWeight = isWeighted ? Tensor(before) : nil
      func backward(_ d_o: Tensor, _ dz: Tensor, dweight: Tensor?) -> Inlay {
        let found = Inlay(poison: rows, total)
        gatedNormBackward(
          d_o, dg: found.matrix, dweight: dweight, dz, heads, gate.matrix, norm: .rms, weight: weights, mean: mean,
          inverse: inverse,
          partials: .poison(Shape(partialCount(rows: rows) * width)), on: pool)
        return found
      }
      let foundO = Tensor.poison(Shape(rows, total))
      let foundG = backward(foundO, Tensor(dz), dweight: foundWeight)
      expectClose(foundO, dO.reshaped([rows, total]), ratio: ratio, "do")
      expectClose(foundG.values, dg, ratio: ratio, "dg")
      if let foundWeight { expectClose(foundWeight, before + dweight, ratio: ratio, "dweight") }
      #expect(foundG.isBorderIntact)

      let inPlace = Tensor(dz)
      _ = backward(inPlace, inPlace, dweight: nil)
      #expect(inPlace.bits == foundO.bits, "do in the place of dz")
    }
  }

  @Test func hasTheSameBitsForAnyNumberOfThreads() {
    var generator = SeededGenerator(seed: 11)
    let (o, dz) = (
      Tensor(.roundedNormal([300, 40], using: &generator)), Tensor(.roundedNormal([300, 40], using: &generator))
    )
    let g = Matrix(Tensor(.roundedNormal([300, 40], using: &generator)))
    let weight = Tensor(.roundedNormal([20], using: &generator))
    let results = [1, 2, 3, 8].map { threadCount in
      let pool = WorkerPool(threadCount: threadCount)
      let (z, inverse, d_o) = (Tensor(Shape(300, 40)), Tensor(Shape(300, 2)), Tensor(Shape(300, 40)))
      let (dg, dweight) = (Tensor(Shape(300, 40)), Tensor(Shape(20)))
      let mean = Tensor(Shape(300, 2))
      gatedNorm(z, mean: mean, inverse: inverse, o, g, norm: .rms, weight: weight, epsilon: 1e-6, on: pool)
      gatedNormBackward(
        d_o, dg: Matrix(dg), dweight: dweight, dz, o, g, norm: .rms, weight: weight, mean: mean, inverse: inverse,
        partials: Tensor(Shape(partialCount(rows: 300) * 20)), on: pool)
      return z.bits + d_o.bits + dg.bits + dweight.bits
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }
}

@Suite struct SwiGLUTests {
  // Some ten roundings of 6e-8 each for a number, e^x within 2 ULP among them.
  private let ratio = 1e-6

  @Test(arguments: [1, 7, 16, 17, 33, 100]) func forwardAndBackwardEqualTheReference(width: Int) {
    var generator = SeededGenerator(seed: 12)
    let (rows, pool) = (130, WorkerPool(threadCount: 3))
    let ab = ReferenceTensor.roundedNormal([rows, 2 * width], deviation: 4, using: &generator)
    let dh = ReferenceTensor.roundedNormal([rows, width], using: &generator)
    let (a, b) = (ab.slice(axis: 1, 0..<width), ab.slice(axis: 1, width..<2 * width))
    let h = Tensor.poison(Shape(rows, width))
    gatedLinearUnit(h, Tensor(ab), activation: .silu, on: pool)
    expectClose(h, Reference.gate(a, b), ratio: ratio, "h")

    let (da, db) = Reference.gateBackward(dh, g: a, y: b)
    let (dab, inPlace) = (Tensor.poison(Shape(rows, 2 * width)), Tensor(ab))
    gatedLinearUnitBackward(dab, Tensor(dh), Tensor(ab), activation: .silu, on: pool)
    expectClose(dab, da.joined(db, axis: 1), ratio: ratio, "dab")
    gatedLinearUnitBackward(inPlace, Tensor(dh), inPlace, activation: .silu, on: pool)
    #expect(inPlace.bits == dab.bits, "dab in the place of ab")
  }

  @Test func largeArgumentsSaturate() {
    let arguments: [Float] = [100, -100, 1e4, -1e4, 1e30, -1e30]
    for a in arguments {
      let (h, dab, pool) = (Tensor(Shape(1, 1)), Tensor(Shape(1, 2)), WorkerPool(threadCount: 1))
      gatedLinearUnit(h, Tensor(Shape(1, 2), [a, 2]), activation: .silu, on: pool)
      #expect(h[0] == (a > 0 ? 2 * a : 0))
      gatedLinearUnitBackward(dab, Tensor(Shape(1, 1), [1]), Tensor(Shape(1, 2), [a, 2]), activation: .silu, on: pool)
      #expect(dab.values == (a > 0 ? [2, a] : [0, 0]))
    }
  }
}
