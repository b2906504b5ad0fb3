import Glibc
import TestSupport
import Testing

/// Retention of T = 5, K = 4, V = 2 with γ = 31/32 and sines as inputs, against numbers computed elsewhere.
@Suite struct GoldenRetentionTests {
  // The numbers are given to nine decimals; the worst ratio seen is 3.1e-10.
  private let ratio = 1e-9

  @Test(arguments: [ReferenceForm.parallel, .recurrent, .chunkwise(2), .chunkwise(5)])
  func withoutRotation(form: ReferenceForm) {
    let expected = [
      0.504730845, 0.885885976, 1.218182225, 1.709455492, 0.233181409, 0.180256421, -1.096256596, -2.642028217,
      -2.050052042, -3.045674810,
    ]
    expectClose(output(form) { $0 }.values, expected, ratio: ratio)
  }

  @Test(arguments: [ReferenceForm.parallel, .recurrent, .chunkwise(2), .chunkwise(5)])
  func interleavedPairsWithLinspaceAngles(form: ReferenceForm) {
    let expected = [
      0.504730845, 0.885885976, 1.011095463, 1.345984030, 0.079894084, -0.062907973, 0.053414625, -1.015777674,
      -0.829455658, -1.225924465,
    ]
    expectClose(rotatedOutput(form, .interleaved, .linspace, from: 0).values, expected, ratio: ratio)
  }

  @Test(arguments: [ReferenceForm.parallel, .recurrent, .chunkwise(2), .chunkwise(5)])
  func halfSplitPairsWithStandardAngles(form: ReferenceForm) {
    let expected = [
      0.504730845, 0.885885976, 1.033438916, 1.385200480, 0.266886275, 0.222875229, 0.042993794, -1.014440952,
      -1.057152511, -1.591628292,
    ]
    expectClose(rotatedOutput(form, .halfSplit, .standard, from: 0).values, expected, ratio: ratio)
  }

  @Test func headNormOfTheSecondStepFromTheEnd() {
    let output = rotatedOutput(.parallel, .interleaved, .linspace, from: 0)
    let normalised = Reference.rmsNorm(output, weight: nil, epsilon: 1e-6)
    expectClose([normalised[0, 2, 0, 0], normalised[0, 2, 0, 1]], [1.111008350, -0.874799230], ratio: ratio)
  }

  @Test func aShiftOfAllPositionsChangesNothing() {
    for (layout, angles) in RotationTests.cases {
      let expected = rotatedOutput(.parallel, layout, angles, from: 0)
      // Angles of 10⁵ radians may be rounded by 1e-11.
      expectClose(rotatedOutput(.parallel, layout, angles, from: 100_000), expected, ratio: 1e-11)
    }
  }

  private func rotatedOutput(
    _ form: ReferenceForm, _ layout: ReferenceRotationLayout, _ angles: ReferenceAngles, from position: Int
  ) -> ReferenceTensor {
    output(form) {
      Reference.rotation(
        $0, positions: Reference.positions(batch: 1, time: 5, from: position),
        angles: angles.table(keyWidth: 4, base: 10000), layout: layout)
    }
  }

  private func output(_ form: ReferenceForm, _ rotate: (ReferenceTensor) -> ReferenceTensor) -> ReferenceTensor {
    let q = ReferenceTensor([1, 5, 1, 4], (1...20).map { sin(0.3 * Double($0)) })
    let k = ReferenceTensor([1, 5, 1, 4], (1...20).map { 0.5 * cos(0.2 * Double($0)) })
    let v = ReferenceTensor([1, 5, 1, 2], (1...10).map { sin(0.5 * Double($0)) })
    let inputs = RetentionInputs(q: rotate(q), k: rotate(k), v: v, logDecay: [log(31.0 / 32)])
    return Reference.retention(inputs, form).output
  }
}
