import Glibc
import TestSupport
import Testing

/// The score norm of T = 5, K = 4, V = 2 with γ = 31/32 and sines as inputs, against numbers computed elsewhere.
@Suite struct ScoreNormTests {
  private let inputs: RetentionInputs = {
    let positions = Reference.positions(batch: 1, time: 5)
    let angles = ReferenceAngles.linspace.table(keyWidth: 4, base: 10_000)
    func rotated(_ values: [Double]) -> ReferenceTensor {
      Reference.rotation(
        ReferenceTensor([1, 5, 1, 4], values), positions: positions, angles: angles, layout: .interleaved)
    }
    return RetentionInputs(
      q: rotated((1...20).map { sin(0.3 * Double($0)) }), k: rotated((1...20).map { 0.5 * cos(0.2 * Double($0)) }),
      v: ReferenceTensor([1, 5, 1, 2], (1...10).map { sin(0.5 * Double($0)) }), logDecay: [log(31.0 / 32)])
  }()

  @Test func rowDecayIsTheRootOfTheSumOfDecays() {
    let factors = Reference.scoreNormFactors(inputs, .rowDecay)
    let sums = [1, 1.96875, 2.907226562, 3.816375732, 4.697113991]
    expectClose(factors.values.map { 1 / ($0 * $0) }, sums, ratio: 1e-9)
  }

  @Test func outputsAreThoseOfTorchscale() {
    let output = Reference.retention(inputs, .parallel).output
    let found = Reference.scaledHeads(output, Reference.scoreNormFactors(inputs, .sumOfAbs))
    expectClose(
      found.values,
      [
        0.479425539, 0.841470985, 0.648761980, 0.863640770, 0.046857076, -0.036894893, 0.020076248, -0.381786912,
        -0.301616571, -0.445785293,
      ], ratio: 1e-8)
  }

  @Test func absoluteSumsDifferWhereScoresHaveBothSigns() {
    let factors = [ReferenceScoreNorm.rowDecay, .absOfSum, .sumOfAbs].map {
      Reference.scoreNormFactors(inputs, $0).values
    }
    #expect(zip(factors[0], factors[1]).allSatisfy { $0 >= $1 } && zip(factors[1], factors[2]).allSatisfy { $0 >= $1 })
    #expect(factors[0] != factors[1] && factors[1] != factors[2])
  }

  @Test func aRowCountsItsDocumentOnly() {
    var documents = inputs
    documents.documentStarts = [Reference.documentStarts([2, 3])]
    func part(_ x: ReferenceTensor) -> ReferenceTensor { x.slice(axis: 1, 2..<5) }
    let alone = RetentionInputs(
      q: part(inputs.q), k: part(inputs.k), v: part(inputs.v), logDecay: inputs.logDecay)
    for kind in ReferenceScoreNorm.allCases {
      #expect(part(Reference.scoreNormFactors(documents, kind)) == Reference.scoreNormFactors(alone, kind))
    }
  }
}
