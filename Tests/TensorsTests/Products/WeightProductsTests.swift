import EngineTestSupport
import Tensors
import TestSupport
import Testing

/// Products with weights as they lie in memory.
@Suite struct WeightProductsTests {
  private let pool = WorkerPool(threadCount: 2)

  private func normal(_ shape: [Int], seed: UInt64) -> Tensor {
    var generator = SeededGenerator(seed: seed)
    return Tensor(.roundedNormal(shape, using: &generator))
  }

  private func matrix(_ tensor: Tensor, _ format: WeightFormat) -> WeightMatrix {
    var matrix = WeightMatrix(columns: tensor.shape[1])
    matrix.append(tensor, as: format, on: pool)
    return matrix
  }

  /// The matrix's own numbers.
  private func widened(_ matrix: WeightMatrix) -> Tensor {
    let all = Tensor.poison(Shape(matrix.rows, matrix.columns))
    for row in 0..<matrix.rows { matrix.widenRow(all.view(Shape(matrix.columns), at: row * matrix.columns), row) }
    return all
  }

  private func product(
    _ x: Tensor, _ weight: WeightMatrix, accumulating start: Tensor? = nil, on pool: WorkerPool
  ) -> Tensor {
    let y = start.map { Tensor($0.shape, $0.values) } ?? Tensor.poison(Shape(x.shape[0], weight.rows))
    multiply(Matrix(y), Matrix(x), weight: weight, accumulate: start != nil, on: pool)
    return y
  }

  @Test(arguments: WeightFormat.allCases, [1, 4, 16, 17, 70])
  func equalTheReferenceInEveryFormat(format: WeightFormat, rows: Int) {
    let (x, weight) = (normal([rows, 608], seed: 51), matrix(normal([90, 608], seed: 52), format))
    let start = normal([rows, 90], seed: 53)
    let expected = start.reference + Reference.linear(x.reference, weight: widened(weight).reference)
    for pool in [pool, WorkerPool(threadCount: 1, usesPortableKernels: true)] {
      let found = product(x, weight, accumulating: start, on: pool)
      // Few rows meet quantised weights in 255 steps of a block's largest number, 1.5 % of the deviation apart: 0.5 % in
      // RMS. Many rows meet weights that are not Float32 in bfloat16: two roundings to 8 bits, 0.2 % in RMS.
      let isFloat = format == .float32 || (format == .bfloat16 && rows <= 16)
      expectClose(found, expected, ratio: isFloat ? 1e-6 : rows <= 16 ? 8e-3 : 4e-3, "\(format), \(rows) rows")
    }
  }

  @Test(arguments: [1, 5, 16]) func bfloat16WeightsGiveTheBitsOfTheirNumbersInFloat32(rows: Int) {
    for columns in [1, 15, 16, 31, 33, 64, 100, 257] {
      let (x, weight) = (normal([rows, columns], seed: 54), matrix(normal([37, columns], seed: 55), .bfloat16))
      let found = product(x, weight, on: pool)
      #expect(found.bits == product(x, WeightMatrix(widened(weight)), on: pool).bits)
    }
  }

  /// Beyond the columns of a task, the inner extent and the rows that are packed at once.
  @Test(
    .enabled(if: CPU().hasBF16Product), arguments: [WeightFormat.bfloat16, .q8_0, .q4_0],
    [(33, 2144, 200), (4100, 2048, 3), (17, 31, 97), (129, 513, 96)])
  func manyRowsGiveTheBitsOfABFloat16Product(format: WeightFormat, size: (rows: Int, columns: Int, outputs: Int)) {
    let columns = format.isQuantized ? (size.columns + 31) / 32 * 32 : size.columns
    let x = normal([size.rows, columns], seed: 58)
    let weight = matrix(normal([size.outputs, columns], seed: 59), format)
    let start = normal([size.rows, size.outputs], seed: 60)
    for start in [nil, start] {
      let found = product(x, weight, accumulating: start, on: pool)
      let expected = start.map { Tensor($0.shape, $0.values) } ?? Tensor.poison(found.shape)
      multiply(
        Matrix(expected), Matrix(x), Matrix(widened(weight)), transposed: .second, accumulate: start != nil,
        precision: .bfloat16, on: pool)
      #expect(found.bits == expected.bits)
    }
  }

  @Test(arguments: WeightFormat.allCases) func aRowsBitsDoNotDependOnTheOtherRows(format: WeightFormat) {
    let (x, weight) = (normal([16, 416], seed: 56), matrix(normal([50, 416], seed: 57), format))
    let together = product(x, weight, on: pool)
    for row in 0..<16 {
      let alone = product(x.view(Shape(1, 416), at: row * 416), weight, on: pool)
      #expect(alone.bits == together.view(Shape(50), at: row * 50).bits, "row \(row)")
    }
  }

  @Test(arguments: WeightFormat.allCases, [1, 16, 40])
  func haveTheSameBitsForAnyNumberOfThreads(format: WeightFormat, rows: Int) {
    let (x, weight) = (normal([rows, 512], seed: 58), matrix(normal([700, 512], seed: 59), format))
    let results = [1, 2, 3, 8].map { product(x, weight, on: WorkerPool(threadCount: $0)).bits }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  @Test(arguments: [1, 3, 16, 30]) func partsOfAnyFormatsGiveWhatEachGivesAlone(rows: Int) {
    let x = normal([rows, 256], seed: 60)
    var whole = WeightMatrix(columns: 256)
    let parts = WeightFormat.allCases.enumerated().map { index, format in
      let tensor = normal([40 + 300 * index, 256], seed: 61 + UInt64(index))
      whole.append(tensor, as: format, on: pool)
      return matrix(tensor, format)
    }
    let together = product(x, whole, on: pool)
    var first = 0
    for part in parts {
      let alone = product(x, part, on: pool)
      for row in 0..<rows {
        let columns = together.view(Shape(part.rows), at: row * whole.rows + first)
        #expect(columns.bits == alone.view(Shape(part.rows), at: row * part.rows).bits)
      }
      first += part.rows
    }
    #expect(first == whole.rows)
    #expect(whole.byteCount == parts.reduce(0) { $0 + $1.byteCount })
  }

  @Test(arguments: WeightFormat.allCases) func rowsOfATableAreItsNumbers(format: WeightFormat) {
    let table = matrix(normal([30, 96], seed: 66), format)
    let y = Tensor.poison(Shape(4, 96))
    gatherRows(y, table, Indices([29, 0, 7, 29]))
    let all = widened(table)
    for (row, id) in [29, 0, 7, 29].enumerated() {
      #expect(y.view(Shape(96), at: row * 96).bits == all.view(Shape(96), at: id * 96).bits)
    }
  }

  @Test func aMatrixTakesTheBytesOfItsFormat() {
    let counts = WeightFormat.allCases.map { matrix(Tensor(Shape(100, 32)), $0).byteCount }
    // Numbers, and a scale of two bytes for each row's only block.
    #expect(counts == [12_800, 6_400, 3_200 + 200, 1_600 + 200])
  }

  @Test(arguments: [0, 1, 2, 3]) func bytesAtAnyAddressAreRead(offset: Int) {
    let numbers = normal([3, 5], seed: 67)
    let ownBytes = numbers.bits.flatMap { bits in (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) } }
    let bytes = [UInt8](repeating: 9, count: offset) + ownBytes
    let part = unsafe WeightBytes(bytes.span.bytes.extracting(offset..<offset + 60), of: pool, alignment: 4)
    #expect(Tensor(Shape(3, 5), readingFrom: part).bits == numbers.bits)
    withExtendedLifetime(bytes) {}
  }

  @Test func theProbeMeasuresAReadingSpeed() {
    let speed = BandwidthProbe(byteCount: 1 << 20).measure(on: pool)
    #expect(speed > 0 && speed.isFinite)
  }

  @Test(arguments: [WeightFormat.q8_0, .q4_0]) func whatAScaleCannotHoldIsNotQuantizable(format: WeightFormat) {
    let tensor = Tensor(Shape(1, 32))
    let limit: Float = format == .q8_0 ? 127 * 65_504 : 8 * 65_504
    let values: [(Float, Bool)] = [
      (limit, true), (limit * 1.001, false), (.nan, false), (-.infinity, false), (0, true),
    ]
    for (value, isHeld) in values {
      tensor[31] = value
      #expect(tensor.isQuantizable(as: format) == isHeld, "\(value)")
    }
  }
}
