import EngineTestSupport
import Tensors
import TestSupport
import Testing

@Suite struct ActivationsTests {
  // Some ten roundings of 6e-8 each for a number, e^x within 2 ULP among them.
  private let ratio = 1e-6

  @Test(arguments: [1, 7, 16, 17, 33, 100], Activation.allCases)
  func gatedForwardAndBackwardEqualTheReference(width: Int, activation: Activation) {
    var generator = SeededGenerator(seed: 12)
    let (rows, pool) = (130, WorkerPool(threadCount: 3))
    let ab = ReferenceTensor.roundedNormal([rows, 2 * width], deviation: 4, using: &generator)
    let dh = ReferenceTensor.roundedNormal([rows, width], using: &generator)
    let (a, b) = (ab.slice(axis: 1, 0..<width), ab.slice(axis: 1, width..<2 * width))
    let h = Tensor.poison(Shape(rows, width))
    gatedLinearUnit(h, Tensor(ab), activation: activation, on: pool)
    expectClose(h, Reference.gate(a, b, activation.reference), ratio: ratio, "h")

    let (da, db) = Reference.gateBackward(dh, g: a, y: b, activation.reference)
    let (dab, inPlace) = (Tensor.poison(Shape(rows, 2 * width)), Tensor(ab))
    gatedLinearUnitBackward(dab, Tensor(dh), Tensor(ab), activation: activation, on: pool)
    expectClose(dab, da.joined(db, axis: 1), ratio: ratio, "dab")
    gatedLinearUnitBackward(inPlace, Tensor(dh), inPlace, activation: activation, on: pool)
    #expect(inPlace.bits == dab.bits, "dab in the place of ab")
  }

  @Test(arguments: [1, 7, 16, 17, 33, 100], Activation.allCases)
  func plainForwardAndBackwardEqualTheReference(width: Int, activation: Activation) {
    var generator = SeededGenerator(seed: 13)
    let (rows, pool) = (130, WorkerPool(threadCount: 3))
    let a = ReferenceTensor.roundedNormal([rows, width], deviation: 4, using: &generator)
    let dh = ReferenceTensor.roundedNormal([rows, width], using: &generator)
    let (h, inPlace) = (Tensor.poison(Shape(rows, width)), Tensor(a))
    activate(h, Tensor(a), activation: activation, on: pool)
    expectClose(h, Reference.activation(a, activation.reference), ratio: ratio, "h")
    activate(inPlace, inPlace, activation: activation, on: pool)
    #expect(inPlace.bits == h.bits, "h in the place of a")

    let (da, gradientInPlace) = (Tensor.poison(Shape(rows, width)), Tensor(dh))
    activateBackward(da, Tensor(dh), Tensor(a), activation: activation, on: pool)
    expectClose(da, Reference.activationBackward(dh, x: a, activation.reference), ratio: ratio, "da")
    activateBackward(gradientInPlace, gradientInPlace, Tensor(a), activation: activation, on: pool)
    #expect(gradientInPlace.bits == da.bits, "da in the place of dh")
  }

  @Test(arguments: Activation.allCases) func largeArgumentsSaturate(activation: Activation) {
    guard activation != .reluSquared else { return }
    let arguments: [Float] = [100, -100, 1e4, -1e4, 1e30, -1e30]
    for a in arguments {
      let (h, dab, pool) = (Tensor(Shape(1, 1)), Tensor(Shape(1, 2)), WorkerPool(threadCount: 1))
      gatedLinearUnit(h, Tensor(Shape(1, 2), [a, 2]), activation: activation, on: pool)
      #expect(h[0] == (a > 0 ? 2 * a : 0))
      gatedLinearUnitBackward(
        dab, Tensor(Shape(1, 1), [1]), Tensor(Shape(1, 2), [a, 2]), activation: activation, on: pool)
      #expect(dab.values == (a > 0 ? [2, a] : [0, 0]))
    }
  }

  @Test func theSquaredReluGrowsWithTheSquare() {
    for a: Float in [100, -100, 1e4, -1e4, 1e15, -1e15] {
      let (h, dab, pool) = (Tensor(Shape(1, 1)), Tensor(Shape(1, 2)), WorkerPool(threadCount: 1))
      gatedLinearUnit(h, Tensor(Shape(1, 2), [a, 2]), activation: .reluSquared, on: pool)
      #expect(h[0] == (a > 0 ? 2 * a * a : 0))
      gatedLinearUnitBackward(
        dab, Tensor(Shape(1, 1), [1]), Tensor(Shape(1, 2), [a, 2]), activation: .reluSquared, on: pool)
      #expect(dab.values == (a > 0 ? [4 * a, a * a] : [0, 0]))
    }
  }

  @Test(arguments: Activation.allCases) func haveTheSameBitsForAnyNumberOfThreads(activation: Activation) {
    var generator = SeededGenerator(seed: 14)
    let ab = Tensor(.roundedNormal([300, 66], deviation: 2, using: &generator))
    let dh = Tensor(.roundedNormal([300, 33], using: &generator))
    let results = [1, 2, 3, 8].map { threadCount in
      let pool = WorkerPool(threadCount: threadCount)
      let (h, dab, plain, da) = (
        Tensor(Shape(300, 33)), Tensor(Shape(300, 66)), Tensor(Shape(300, 33)), Tensor(Shape(300, 33))
      )
      gatedLinearUnit(h, ab, activation: activation, on: pool)
      gatedLinearUnitBackward(dab, dh, ab, activation: activation, on: pool)
      activate(plain, dh, activation: activation, on: pool)
      activateBackward(da, h, dh, activation: activation, on: pool)
      return h.bits + dab.bits + plain.bits + da.bits
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }
}

extension Activation {
  fileprivate var reference: Reference.Activation {
    switch self {
    case .silu: .silu
    case .gelu: .gelu
    case .relu: .relu
    case .reluSquared: .reluSquared
    }
  }
}
