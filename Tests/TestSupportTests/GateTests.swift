import TestSupport
import Testing

@Suite struct GateTests {
  @Test func activationsHaveTheirKnownValues() {
    let x = ReferenceTensor([3], [0, 1, -2])
    // x σ(x) and x Φ(x).
    let silu = Reference.activation(x, .silu)
    expectClose(silu.values, [0, 0.731058578630005, -0.238405844044235], ratio: 1e-14)
    let gelu = Reference.activation(x, .gelu)
    expectClose(gelu.values, [0, 0.841344746068543, -0.045500263896358], ratio: 1e-14)
    #expect(Reference.activation(x, .relu).values == [0, 1, 0])
    #expect(Reference.activation(ReferenceTensor([3], [0, 3, -2]), .reluSquared).values == [0, 9, 0])
  }

  @Test func activationsStayFiniteFarOut() {
    let far = ReferenceTensor([2], [-1000, 1000])
    for kind in Reference.Activation.allCases {
      let isSquare = kind == .reluSquared
      #expect(Reference.activation(far, kind).values == [0, isSquare ? 1e6 : 1000])
      let slopes = Reference.activationBackward(ReferenceTensor([2], [1, 1]), x: far, kind).values
      #expect(slopes == [0, isSquare ? 2000 : 1])
    }
  }

  @Test(arguments: Reference.Activation.allCases) func backwardIsTheGradient(kind: Reference.Activation) {
    var generator = SeededGenerator(seed: 8)
    let g = ReferenceTensor.normal([2, 10], deviation: 2, using: &generator)
    let y = ReferenceTensor.normal([2, 10], using: &generator)
    let dz = ReferenceTensor.normal([2, 10], using: &generator)
    let (dg, dy) = Reference.gateBackward(dz, g: g, y: y, kind)
    expectGradient(dg, "dg", at: g, ratio: differencing) { Reference.gate($0, y, kind).dot(dz) }
    expectGradient(dy, "dy", at: y, ratio: differencing) { Reference.gate(g, $0, kind).dot(dz) }
    let dx = Reference.activationBackward(dz, x: g, kind)
    expectGradient(dx, "dx", at: g, ratio: differencing) { Reference.activation($0, kind).dot(dz) }
  }
}
