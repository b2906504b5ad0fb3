import EngineTestSupport
import Glibc
import Tensors
import TestSupport
import Testing

@Suite struct CrossEntropyTests {
  // e^x within 2 ULP (1e-7 each), a sum in sixteen lanes, one logarithm.
  private let ratio = 1e-6
  private let pool = WorkerPool(threadCount: 2)

  @Test(arguments: [1, 7, 16, 17, 33, 100, 4096], [1.0, 20]) func equalsTheReference(width: Int, deviation: Double) {
    var generator = SeededGenerator(seed: 15)
    let rows = 37
    let logits = ReferenceTensor.roundedNormal([rows, width], deviation: deviation, using: &generator)
    let targets = (0..<rows).map { $0 % 5 == 3 ? -1 : Int(generator.next() % UInt64(width)) }
    let expected = Reference.crossEntropy(logits, targets: targets)
    let scale = Float(1) / 30
    let (losses, gradient) = losses(logits, targets, scale: scale)
    let sum = losses.values.reduce(0) { $0 + Double($1) }
    // A single token has no loss and no gradient to be relative to.
    if width == 1 {
      #expect(sum == 0 && gradient.values.allSatisfy { $0 == 0 })
    } else {
      expectClose([sum], [expected.lossSum], ratio: ratio, "loss")
      expectClose(gradient, Double(scale) * expected.dlogits, ratio: ratio, "gradient")
    }
    for (row, target) in targets.enumerated() where target < 0 { #expect(losses[row] == 0) }
  }

  @Test(arguments: [1, 7, 16, 33, 4096], [0.5, 15, 1000]) func cappedEqualsTheReference(width: Int, cap: Double) {
    var generator = SeededGenerator(seed: 16)
    let rows = 37
    let logits = ReferenceTensor.roundedNormal([rows, width], deviation: 20, using: &generator)
    let targets = (0..<rows).map { $0 % 5 == 3 ? -1 : Int(generator.next() % UInt64(width)) }
    let (found, ids) = (Tensor(logits), Indices(targets.map(Int32.init)))
    let (losses, alone) = (Tensor.poison(Shape(rows)), Tensor.poison(Shape(rows)))
    found.softcap(Float(cap), on: pool)
    expectClose(found, Reference.softcap(logits, cap), ratio: ratio, "capped")
    // From here on with the rounded logits: an error of 1e-7 in a logit of 60 is one of 6e-6 in its exponential.
    let capped = found.reference
    let expected = Reference.crossEntropy(capped, targets: targets)
    crossEntropy(alone, logits: found, targets: ids, on: pool)
    crossEntropyWithGradient(found, losses: losses, targets: ids, scale: 0.25, cap: Float(cap), on: pool)
    #expect(alone.bits == losses.bits)
    guard width > 1 else { return }
    expectClose([losses.values.reduce(0) { $0 + Double($1) }], [expected.lossSum], ratio: ratio, "loss")
    // 1 - (l / c)² loses digits where it is small: there a capped logit is within 6e-8 c of c.
    let gradient = Reference.softcapBackward(0.25 * expected.dlogits, capped: capped, cap)
    expectClose(found, gradient, ratio: cap == 0.5 ? 2e-5 : ratio, "gradient")
  }

  @Test func theCapIsWithinThreeUnitsInTheLastPlace() {
    let arguments = (0...4000).map { Float($0 - 2000) * 0.005 } + [1e-30, -1e-8, 0.4999999, 0.5, -0.5, 50, 1e30]
    let found = Tensor(Shape(arguments.count), arguments)
    found.softcap(1, on: pool)
    for (argument, value) in zip(arguments, found.values) {
      let exact = Float(tanh(Double(argument)))
      #expect(abs(value - exact) <= 3 * exact.ulp, "\(argument)")
    }
    let bad = Tensor(Shape(3), [.nan, .infinity, -.infinity])
    bad.softcap(2, on: pool)
    #expect(bad[0].isNaN && bad[1] == 2 && bad[2] == -2)
  }

  @Test func hugeLogitsStayFinite() {
    let logits = ReferenceTensor([3, 4], [1e4, -1e4, 0, 9999, -1e4, -1e4, -1e4, -1e4, 1e4, 1e4, 1e4, 1e4])
    let (losses, gradient) = losses(logits, [1, 2, 0], scale: 1)
    expectClose(
      losses.values, [2e4 + log(1 + exp(-1)), log(4), log(4)], ratio: ratio, "loss")
    expectClose(gradient, Reference.crossEntropy(logits, targets: [1, 2, 0]).dlogits, ratio: ratio)
  }

  @Test func equalLogitsGiveTheLogarithmOfTheVocabulary() {
    for width in [2, 100, 4096] {
      let (losses, gradient) = losses(ReferenceTensor([1, width], repeating: 3), [1], scale: 1)
      expectClose(losses.values, [log(Double(width))], ratio: ratio)
      expectClose([gradient[0], gradient[1]], [1 / Double(width), 1 / Double(width) - 1], ratio: ratio)
    }
  }

  @Test func aLogitThatIsNotANumberShows() {
    for place in [0, 1, 17, 18] {
      var logits = ReferenceTensor([1, 19])
      logits.values[place] = .nan
      #expect(losses(logits, [2], scale: 1).losses[0].isNaN)
    }
  }

  @Test func anIgnoredRowHasNoGradientWhateverItsLogits() {
    let (losses, gradient) = losses(ReferenceTensor([1, 18], repeating: .nan), [-1], scale: 1)
    #expect(losses.values == [0])
    #expect(gradient.values.allSatisfy { $0 == 0 })
  }

  @Test func aTargetBeyondTheVocabularyStopsTheProgram() async {
    await #expect(processExitsWith: .failure) {
      crossEntropy(
        Tensor(Shape(1)), logits: Tensor(Shape(1, 4)), targets: Indices([4]), on: WorkerPool(threadCount: 1))
    }
  }

  /// Losses and gradient; the function without the gradient must give the same losses and leave the logits.
  private func losses(
    _ reference: ReferenceTensor, _ targets: [Int], scale: Float
  ) -> (losses: Tensor, gradient: Tensor) {
    let (logits, ids) = (Tensor(reference), Indices(targets.map(Int32.init)))
    let (losses, alone) = (Tensor.poison(Shape(targets.count)), Tensor.poison(Shape(targets.count)))
    let before = logits.bits
    crossEntropy(alone, logits: logits, targets: ids, on: pool)
    #expect(logits.bits == before)
    crossEntropyWithGradient(logits, losses: losses, targets: ids, scale: scale, cap: nil, on: pool)
    #expect(alone.values.map(\.isNaN) == losses.values.map(\.isNaN))
    if losses.values.allSatisfy({ !$0.isNaN }) { expectClose(alone, losses.reference, ratio: 1e-7) }
    return (losses, logits)
  }
}
