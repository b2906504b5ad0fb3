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

  @Test func newtonSchulzBringsSingularValuesNearOne() {
    // Singular values 3 and 1: the norm is √10.
    let x = ReferenceTensor([2, 3], [3.0, 0, 0, 0, 1, 0])
    let once = Reference.newtonSchulz(x, iterations: 1)
    let (s, t) = (3 / 10.0.squareRoot(), 1 / 10.0.squareRoot())
    func polynomial(_ s: Double) -> Double { 3.4445 * s - 4.7750 * s * s * s + 2.0315 * s * s * s * s * s }
    expectClose(once.values, [polynomial(s), 0, 0, 0, polynomial(t), 0], ratio: 1e-6)
    let five = Reference.newtonSchulz(x, iterations: 5)
    #expect((0.65...1.25).contains(five[0, 0]) && (0.65...1.25).contains(five[1, 1]))
  }

  @Test func decorrelatedRowsAreNearlyOrthogonal() {
    // Rows with the cosine 0.6.
    let found = Reference.decorrelatedRows(ReferenceTensor([2, 2], [2.0, 0, 3, 4]))
    // (0.6, 0.8) − 0.6 (1, 0).
    expectClose(found.values, [1, 0, 0, 1], ratio: 1e-6)
  }

  @Test func muonMovesByTheScaledDirection() {
    let constants = Reference.MuonConstants(learningRate: 0.1, momentum: 0.5, weightDecay: 0.5, isCautious: false)
    var parameter = ReferenceTensor([1, 4], [1.0, 1, 1, 1])
    var momentum = ReferenceTensor([1, 4], [2.0, 0, 0, 0])
    Reference.muonStep(
      &parameter, momentum: &momentum, gradient: ReferenceTensor([1, 4], [0, 3.0, 0, 0]), constants: constants
    ) { $0 }
    expectClose(momentum.values, [1, 3, 0, 0], ratio: 1e-14)
    // 1 − 0.05 − 0.1 · 0.2 · √4 · (0.5 M + g).
    expectClose(parameter.values, [0.95 - 0.04 * 0.5, 0.95 - 0.04 * 4.5, 0.95, 0.95], ratio: 1e-14)
  }

  @Test func cautiousDecayLeavesGrowingNumbersAlone() {
    let constants = Reference.MuonConstants(learningRate: 0.1, momentum: 0, weightDecay: 0.5, isCautious: true)
    var parameter = ReferenceTensor([1, 4], [1.0, 1, -1, 0])
    var momentum = ReferenceTensor([1, 4])
    Reference.muonStep(
      &parameter, momentum: &momentum, gradient: ReferenceTensor([1, 4], [1.0, -1, -1, 1]), constants: constants
    ) { $0 }
    expectClose(parameter.values, [0.95 - 0.04, 1 + 0.04, -0.95 + 0.04, -0.04], ratio: 1e-14)
  }
}
