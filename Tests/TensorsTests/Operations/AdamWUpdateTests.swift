import EngineTestSupport
import Tensors
import TestSupport
import Testing

@Suite struct AdamWUpdateTests {
  // Ten roundings of 6e-8 a step, against numbers whose RMS is near 1 (parameter) or of one size (moments).
  private let ratio = 1e-6

  @Test(arguments: [1, 17, 1000, 70_000]) func equalsTheReferenceOverSeveralSteps(count: Int) {
    var generator = SeededGenerator(seed: 17)
    let start = ReferenceTensor.roundedNormal([count], using: &generator)
    var (expected, m, v) = (start, ReferenceTensor([count]), ReferenceTensor([count]))
    let (parameter, first, second) = (Tensor(expected), Tensor(Shape(count)), Tensor(Shape(count)))
    let pool = WorkerPool(threadCount: 2)
    for step in 1...8 {
      let gradient = ReferenceTensor.roundedNormal([count], using: &generator)
      let constants = AdamWConstants(
        gradientScale: 0.5, learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-6, weightDecay: 0.1, step: step)
      updateAdamW(
        parameter, firstMoment: first, secondMoment: second, gradient: Tensor(gradient), constants, on: pool)
      Reference.adamWStep(
        &expected, firstMoment: &m, secondMoment: &v, gradient: 0.5 * gradient, step: step,
        constants: Reference.AdamWConstants(
          learningRate: Double(Float(0.01)), beta1: Double(Float(0.9)), beta2: Double(Float(0.999)),
          epsilon: Double(Float(1e-6)), weightDecay: Double(Float(0.1))))
      expectClose(parameter, expected, ratio: ratio, "parameter after step \(step)")
      expectClose(first, m, ratio: ratio, "first moment")
      expectClose(second, v, ratio: ratio, "second moment")
    }
  }

  /// A decay of 1e-5 a step is far above the rounding of the parameter, so it must not be rounded away.
  @Test func smallDecaysAddUp() {
    let count = 10_000
    let parameter = Tensor(Shape(count), (0..<count).map { 1 + Float($0) / Float(count) })
    let before = parameter.reference
    let zeros = (0..<3).map { _ in Tensor(Shape(count)) }
    for step in 1...1000 {
      let constants = AdamWConstants(
        gradientScale: 1, learningRate: 1e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.02, step: step)
      updateAdamW(
        parameter, firstMoment: zeros[0], secondMoment: zeros[1], gradient: zeros[2], constants,
        on: WorkerPool(threadCount: 1))
    }
    // The mean loss of 2e-3; each step's rounding is as often up as down.
    let lost = (before - parameter.reference).values.reduce(0, +) / before.values.reduce(0, +)
    #expect(abs(lost / 0.001998 - 1) < 1e-2, "\(lost)")
  }

  @Test func noGradientLeavesTheParameter() {
    let (parameter, zeros) = (Tensor(Shape(3), [1, -2, 3]), (0..<3).map { _ in Tensor(Shape(3)) })
    let constants = AdamWConstants(
      gradientScale: 1, learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, step: 1)
    updateAdamW(
      parameter, firstMoment: zeros[0], secondMoment: zeros[1], gradient: zeros[2], constants,
      on: WorkerPool(threadCount: 1))
    #expect(parameter.values == [1, -2, 3])
  }
}
