import EngineTestSupport
import Glibc
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
      Rotation(layout: layout, frequencies: RotationFrequencies.standard.values(keyWidth: K, base: 10_000)),
      capacity: 20)
    // What the table held before must not matter.
    for (before, count) in [(0, 1), (first, 20), (first, 4), (first + 1, 9), (first, 9)] {
      table.prepare(first: before, count: count)
    }
    #expect(table.count == T)
    let found = Tensor(x.reshaped([B * T, H * K]))
    table.apply(Matrix(found), as: .queries, on: pool)
    expectClose(found, expected.reshaped([B * T, H * K]), ratio: ratio)
    table.apply(Matrix(found), as: .keys, inverse: true, scale: 0.5, on: pool)
    expectClose(found, 0.5 * x.reshaped([B * T, H * K]), ratio: ratio, "back")
  }

  /// ζ of the last of many pairs is 1 - 1e-6 per token: in Float32 its powers would be 6 % off.
  @Test(arguments: RotationLayout.allCases) func xposMultipliesByTheRelativePosition(layout: RotationLayout) throws {
    let rotation = Rotation(layout: layout, frequencies: [Double](repeating: 0, count: 8), xposScaleBase: 64)
    let zeta = try #require(rotation.xposLogDecays).map { exp($0) }
    for (pair, zeta) in zeta.enumerated() {
      expectClose([pow(zeta, 64)], [(2 * Double(pair) + 0.4 * 16) / (1.4 * 16)], ratio: 1e-14)
    }
    #expect(rotation.longestCall == Int(80 * 64 / -log(0.4 / 1.4)))
    let table = RotationTable(rotation, capacity: 40)
    table.prepare(first: 70_000, count: 40)
    for (operand, sign) in [(RotationTable.Operand.queries, 1.0), (.keys, -1.0)] {
      let x = Tensor(Shape(40, 32))
      x.fill(1)
      table.apply(Matrix(x), as: operand, on: pool)
      let expected = (0..<40 * 32).map { index in
        let (row, column) = (index / 32, index % 16)
        return pow(zeta[layout == .interleaved ? column / 2 : column % 8], sign * Double(row))
      }
      expectClose(x.values, expected, ratio: 1e-7)
    }
    // Decoding: each row is the start of its own call.
    table.prepare([5, 1_000_000])
    let x = Tensor(Shape(2, 32))
    x.fill(1)
    table.apply(Matrix(x), as: .keys, on: pool)
    #expect(x.values.allSatisfy { $0 == 1 })
  }

  @Test func moreThanItsCapacityStopsTheProgram() async {
    await #expect(processExitsWith: .failure) {
      RotationTable(Rotation(layout: .halfSplit, frequencies: [1]), capacity: 3).prepare(first: 0, count: 4)
    }
  }
}
