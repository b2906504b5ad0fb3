import TestSupport
import Testing

@Suite struct OptimizerTests {
  @Test func twoStepsGiveTheValuesOfTheFormulas() {
    let constants = Reference.AdamWConstants(
      learningRate: 0.1, beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.05)
    var parameter = ReferenceTensor([1], [1.0])
    var (m, v) = (ReferenceTensor([1]), ReferenceTensor([1]))
    Reference.adamWStep(
      &parameter, firstMoment: &m, secondMoment: &v, gradient: ReferenceTensor([1], [0.5]), step: 1,
      constants: constants)
    // 0.995 − 0.1 · 0.5 / (0.5 + 1e-8).
    expectClose(parameter.values, [0.895000002], ratio: 1e-14)
    Reference.adamWStep(
      &parameter, firstMoment: &m, secondMoment: &v, gradient: ReferenceTensor([1], [-0.25]), step: 2,
      constants: constants)
    // 0.995 · 0.895000002 − 0.1 · (0.02 / 0.19) / (√(0.00615 / 0.0396) + 1e-8).
    expectClose(parameter.values, [0.8638142313124337], ratio: 1e-12)
    expectClose([m[0], v[0]], [0.02, 0.00615], ratio: 1e-14)
  }

  @Test func aZeroGradientStillDecays() {
    let constants = Reference.AdamWConstants(
      learningRate: 0.5, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.5)
    var parameter = ReferenceTensor([2], [4.0, -8])
    var (m, v) = (ReferenceTensor([2]), ReferenceTensor([2]))
    Reference.adamWStep(
      &parameter, firstMoment: &m, secondMoment: &v, gradient: ReferenceTensor([2]), step: 1, constants: constants)
    #expect(parameter.values == [3, -6])
  }

  @Test func clippingActsOnlyAboveTheMaximum() {
    let norm = Reference.globalNorm([ReferenceTensor([2], [3.0, 0]), ReferenceTensor([1, 1], [4.0])])
    #expect(norm == 5)
    #expect(Reference.clippingFactor(norm: norm, maximumNorm: 6) == 1)
    #expect(Reference.clippingFactor(norm: norm, maximumNorm: 1) == 1 / (5 + 1e-6))
    #expect(Reference.clippingFactor(norm: 0, maximumNorm: 1) == 1)
  }
}
