import EngineTestSupport
import Retention
import Tensors
import TestSupport
import Testing

@Suite struct RotationTableTests {
  // Two products and a sum, with a cosine and a sine rounded to Float32; the angle itself is exact in Float64.
  private let ratio = 1e-6
  private let pool = WorkerPool(threadCount: 2)

  @Test(arguments: [2, 4, 6, 64]) func frequenciesAreThoseOfTheReference(keyWidth: Int) {
    for (frequencies, angles) in [(RotationFrequencies.standard, ReferenceAngles.standard), (.linspace, .linspace)] {
      expectClose(
        frequencies.values(keyWidth: keyWidth, base: 10_000), angles.table(keyWidth: keyWidth, base: 10_000),
        ratio: 1e-15)
    }
  }

  @Test(arguments: RotationLayout.allCases, [0, 8192, 1_000_000]) func equalsTheReferenceAtAnyPosition(
    layout: RotationLayout, first: Int
  ) {
    var generator = SeededGenerator(seed: 21)
    let (B, T, H, K) = (2, 9, 3, 16)
    let x = ReferenceTensor.roundedNormal([B, T, H, K], using: &generator)
    let expected = Reference.rotation(
      x, positions: Reference.positions(batch: B, time: T, from: first),
      angles: ReferenceAngles.standard.table(keyWidth: K, base: 10_000),
      layout: layout == .halfSplit ? .halfSplit : .interleaved)
    let table = RotationTable(
      frequencies: RotationFrequencies.standard.values(keyWidth: K, base: 10_000), layout: layout, capacity: 20)
    // What the table held before must not matter.
    for (before, count) in [(0, 1), (first, 20), (first, 4), (first + 1, 9), (first, 9)] {
      table.prepare(first: before, count: count)
    }
    #expect(table.count == T)
    let found = Tensor(x.reshaped([B * T, H * K]))
    table.apply(Matrix(found), on: pool)
    expectClose(found, expected.reshaped([B * T, H * K]), ratio: ratio)
    table.apply(Matrix(found), inverse: true, scale: 0.5, on: pool)
    expectClose(found, 0.5 * x.reshaped([B * T, H * K]), ratio: ratio, "back")
  }

  @Test func moreThanItsCapacityStopsTheProgram() async {
    await #expect(processExitsWith: .failure) {
      RotationTable(frequencies: [1], layout: .halfSplit, capacity: 3).prepare(first: 0, count: 4)
    }
  }
}
