import EngineTestSupport
import Glibc
import Tensors
import TestSupport
import Testing

@Suite struct RotationsTests {
  // Two products and a sum, with a cosine and a sine rounded to Float32.
  private let ratio = 1e-6

  @Test(arguments: RotationLayout.allCases, [2, 4, 14, 32, 34]) func equalTheReference(
    layout: RotationLayout, width: Int
  ) {
    var generator = SeededGenerator(seed: 13)
    let (B, T, H) = (2, 50, 3)
    let pool = WorkerPool(threadCount: 2)
    let x = ReferenceTensor.roundedNormal([B, T, H, width], using: &generator)
    let angles = ReferenceAngles.standard.table(keyWidth: width, base: 10_000)
    let positions = Reference.positions(batch: B, time: T, from: 1000)
    let table = positions[0].map { position in angles.map { Double(position) * $0 } }
    let cosine = Tensor(ReferenceTensor([T, width / 2], table.joined().map(cos)))
    let sine = Tensor(ReferenceTensor([T, width / 2], table.joined().map(sin)))
    let pairs = layout == .halfSplit ? ReferenceRotationLayout.halfSplit : .interleaved

    for (inverse, scale) in [(false, 1), (true, 1), (false, 0.25), (true, 0.25)] as [(Bool, Float)] {
      let found = Inlay(x.reshaped([B * T, H * width]))
      rotate(found.matrix, cosine: cosine, sine: sine, layout: layout, inverse: inverse, scale: scale, on: pool)
      let rotation = inverse ? Reference.rotationBackward : Reference.rotation
      let expected = Double(scale) * rotation(x, positions, angles, pairs)
      expectClose(found.values, expected.reshaped([B * T, H * width]), ratio: ratio, "inverse \(inverse)")
      #expect(found.isBorderIntact)
    }
  }

  @Test(arguments: RotationLayout.allCases) func theInverseUndoesIt(layout: RotationLayout) {
    var generator = SeededGenerator(seed: 14)
    let x = ReferenceTensor.roundedNormal([6, 8], using: &generator)
    let angles = (0..<12).map { Double($0) }
    let (cosine, sine) = (
      Tensor(ReferenceTensor([3, 4], angles.map(cos))), Tensor(ReferenceTensor([3, 4], angles.map(sin)))
    )
    let (found, pool) = (Tensor(x), WorkerPool(threadCount: 1))
    for inverse in [false, true] {
      rotate(Matrix(found), cosine: cosine, sine: sine, layout: layout, inverse: inverse, scale: 1, on: pool)
    }
    expectClose(found, x, ratio: ratio)
  }

  @Test func noRowsAreNoWork() {
    let (x, empty) = (Tensor(Shape(0, 8)), Tensor(Shape(0, 2)))
    rotate(
      Matrix(x), cosine: empty, sine: empty, layout: .halfSplit, inverse: false, scale: 1,
      on: WorkerPool(threadCount: 1))
    #expect(x.values == [])
  }
}
