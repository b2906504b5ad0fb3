import EngineTestSupport
import Tensors
import TestSupport
import Testing

/// Products with operands rounded to bfloat16: by the CPU's instruction where it has one, and by the portable kernel.
@Suite struct BFloat16ProductTests {
  private let fast = WorkerPool(threadCount: 1)
  private let portable = WorkerPool(threadCount: 1, usesPortableKernels: true)

  @Test(arguments: [Transposition.second, .none, .first]) func equalTheReferenceForEverySmallSize(
    transposed: Transposition
  ) {
    let limit = 20
    let product = SmallProduct(limit: limit, transposed)
    for rows in 1...limit {
      for columns in 1...limit {
        for inner in 1...limit {
          for accumulate in [false, true] {
            let found = product.multiply(rows, columns, inner, accumulate, on: fast)
            let twin = product.multiply(rows, columns, inner, accumulate, on: portable)
            // What lies beside the result is poison; NaN equals nothing but by its bits.
            if found.bits != twin.bits { Issue.record("\(rows)×\(columns)×\(inner): the kernels differ") }
            let worst = product.worstError(found, rows, columns, inner, accumulate)
            if !(worst <= 2) { Issue.record("\(rows)×\(columns)×\(inner), accumulate \(accumulate): \(worst) ULP") }
          }
        }
      }
    }
  }

  @Test(
    arguments: [Transposition.second, .none, .first],
    // Beyond a block, a piece and a tile in one direction each; 2 × 40,000 needs two pieces of columns.
    [(130, 401, 513), (67, 800, 2051), (1030, 70, 515), (3, 4200, 2050), (2, 40_000, 5)])
  func equalTheReferenceOverBlocksPiecesAndTiles(transposed: Transposition, size: (Int, Int, Int)) {
    let (rows, columns, inner) = size
    var generator = SeededGenerator(seed: 8)
    let a = ReferenceTensor.roundedNormal(transposed == .first ? [inner, rows] : [rows, inner], using: &generator)
    let b = ReferenceTensor.roundedNormal(
      transposed == .second ? [columns, inner] : [inner, columns], using: &generator)
    let start = ReferenceTensor.roundedNormal([rows, columns], using: &generator)
    let (wideA, wideB, pool) = (Inlay(a), Inlay(b), WorkerPool(threadCount: 2))
    let expected =
      start
      + Reference.linear(
        transposed == .first ? a.narrowed.transposed : a.narrowed,
        weight: transposed == .second ? b.narrowed : b.narrowed.transposed)
    let found = [pool, portable].map { pool in
      let c = Inlay(start)
      multiply(
        c.matrix, wideA.matrix, wideB.matrix, transposed: transposed, accumulate: true, precision: .bfloat16, on: pool)
      // A sum of up to 2,051 rounded products: about √2051 half-ULPs (6e-8) at the worst.
      expectClose(c.values, expected, ratio: 1e-6, "\(rows)×\(columns)×\(inner)")
      #expect(c.isBorderIntact)
      return c.values
    }
    #expect(found[0] == found[1])
  }

  @Test(arguments: [Transposition.second, .none, .first], [1, 40, 300, 1100])
  func haveTheSameBitsForAnyNumberOfThreads(transposed: Transposition, rows: Int) {
    let (columns, inner) = (900, 70)
    var generator = SeededGenerator(seed: 9)
    let a = Tensor(.roundedNormal(transposed == .first ? [inner, rows] : [rows, inner], using: &generator))
    let b = Tensor(.roundedNormal(transposed == .second ? [columns, inner] : [inner, columns], using: &generator))
    let results = [1, 2, 3, 8].map { threadCount in
      let c = Tensor.poison(Shape(rows, columns))
      multiply(
        Matrix(c), Matrix(a), Matrix(b), transposed: transposed, precision: .bfloat16,
        on: WorkerPool(threadCount: threadCount))
      return c.bits
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  @Test func aRowsBitsDoNotDependOnTheOtherRows() {
    var generator = SeededGenerator(seed: 10)
    let (a, b) = (
      Tensor(.roundedNormal([600, 530], using: &generator)), Tensor(.roundedNormal([50, 530], using: &generator))
    )
    func bits(_ rows: Range<Int>) -> [UInt32] {
      let c = Tensor.poison(Shape(rows.count, 50))
      multiply(Matrix(c), Matrix(a).rows(rows), Matrix(b), transposed: .second, precision: .bfloat16, on: fast)
      return c.bits
    }
    let whole = bits(0..<600)
    for rows in [0..<1, 7..<24, 100..<233, 599..<600] {
      #expect(bits(rows) == Array(whole[rows.lowerBound * 50..<rows.upperBound * 50]))
    }
  }

  @Test(arguments: [false, true]) func numbersAtTheLimitsKeepTheirMeaning(usesPortableKernels: Bool) {
    let pool = WorkerPool(threadCount: 1, usesPortableKernels: usesPortableKernels)
    func product(_ a: [Float], _ b: [Float]) -> Float {
      let c = Tensor.poison(Shape(1, 1))
      multiply(
        Matrix(c), Matrix(Tensor(Shape(1, a.count), a)), Matrix(Tensor(Shape(1, b.count), b)), transposed: .second,
        precision: .bfloat16, on: pool)
      return c[0]
    }
    #expect(product([.infinity, 1], [2, 1]) == .infinity)
    #expect(product([.nan, 1], [2, 1]).isNaN)
    #expect(product([.infinity, 1], [0, 1]).isNaN)
    // The largest Float32 number rounds to infinity, the largest of bfloat16 does not.
    #expect(product([.greatestFiniteMagnitude], [1]) == .infinity)
    #expect(product([0x1.FEp127], [1]) == 0x1.FEp127)
    #expect(product([.leastNormalMagnitude.nextDown, 0x1p-130], [0x1p100, 0x1p127]) == 0)
    #expect(product([.leastNormalMagnitude], [1]) == .leastNormalMagnitude)
    // Ties go to the even neighbour: 1 + 2⁻⁸ down to 1, 1 + 3·2⁻⁸ up to 1 + 2⁻⁶.
    #expect(product([1 + 0x1p-8], [1]) == 1)
    #expect(product([1 + 0x3p-8], [1]) == 1 + 0x1p-6)
  }

  @Test func nothingIsSummedOverNothing() {
    let (c, kept) = (Tensor.poison(Shape(2, 3)), Tensor(Shape(2, 3), [1, 2, 3, 4, 5, 6]))
    let (a, b) = (Matrix(c).columns(0..<0), Matrix(Tensor.poison(Shape(3, 3))).columns(0..<0))
    multiply(Matrix(kept), a, b, transposed: .second, accumulate: true, precision: .bfloat16, on: fast)
    multiply(Matrix(c), a, b, transposed: .second, precision: .bfloat16, on: fast)
    #expect(c.values == [0, 0, 0, 0, 0, 0])
    #expect(kept.values == [1, 2, 3, 4, 5, 6])
    multiply(Matrix(c).rows(0..<0), a.rows(0..<0), b, transposed: .second, precision: .bfloat16, on: fast)
  }
}

/// Operands of which every product of up to `limit` in each direction takes the first rows, columns and terms.
private struct SmallProduct {
  private let limit: Int
  private let transposed: Transposition
  private let a: Tensor
  private let b: Tensor
  private let start: Tensor
  /// The sum of the first k terms, and of their magnitudes, at [row, column, k].
  private var sums: [Double] = []
  private var magnitudes: [Double] = []

  init(limit: Int, _ transposed: Transposition) {
    var generator = SeededGenerator(seed: 7)
    let values = (0..<3).map { _ in ReferenceTensor.roundedNormal([limit, limit], using: &generator) }
    (self.limit, self.transposed) = (limit, transposed)
    (a, b, start) = (Tensor(values[0]), Tensor(values[1]), Tensor(values[2]))
    let rows = transposed == .first ? values[0].narrowed.transposed : values[0].narrowed
    let columns = transposed == .second ? values[1].narrowed : values[1].narrowed.transposed
    for row in 0..<limit {
      for column in 0..<limit {
        var (sum, magnitude) = (0.0, 0.0)
        for k in 0..<limit {
          sum += rows[row, k] * columns[column, k]
          magnitude += abs(rows[row, k] * columns[column, k])
          sums.append(sum)
          magnitudes.append(magnitude)
        }
      }
    }
  }

  /// The result in the first rows and columns of a larger matrix of NaN.
  func multiply(_ rows: Int, _ columns: Int, _ inner: Int, _ accumulate: Bool, on pool: WorkerPool) -> Tensor {
    let c = Tensor.poison(Shape(limit + 1, limit + 2))
    if accumulate {
      for row in 0..<rows {
        for column in 0..<columns { c[row * (limit + 2) + column] = start[row * limit + column] }
      }
    }
    let (a, b) = (Matrix(a), Matrix(b))
    Tensors.multiply(
      Matrix(c).block(rows: 0..<rows, columns: 0..<columns),
      transposed == .first ? a.block(rows: 0..<inner, columns: 0..<rows) : a.block(rows: 0..<rows, columns: 0..<inner),
      transposed == .second
        ? b.block(rows: 0..<columns, columns: 0..<inner) : b.block(rows: 0..<inner, columns: 0..<columns),
      transposed: transposed, accumulate: accumulate, precision: .bfloat16, on: pool)
    return c
  }

  /// The largest error, in ULP of the magnitude that was summed; NaN if something was written beside the result.
  func worstError(_ c: Tensor, _ rows: Int, _ columns: Int, _ inner: Int, _ accumulate: Bool) -> Double {
    var worst = 0.0
    for (index, value) in c.values.enumerated() {
      let (row, column) = (index / (limit + 2), index % (limit + 2))
      guard row < rows && column < columns else {
        if value.isNaN { continue }
        return .nan
      }
      let place = (row * limit + column) * limit + inner - 1
      let before = accumulate ? Double(start[row * limit + column]) : 0
      let error = abs(Double(value) - before - sums[place])
      if error.isNaN { return .nan }
      worst = max(worst, error / Double(Float(magnitudes[place] + abs(before)).ulp))
    }
    return worst
  }
}

extension ReferenceTensor {
  /// The numbers as bfloat16 holds them: eight bits of significand, to nearest, ties to even. Not for subnormals.
  fileprivate var narrowed: ReferenceTensor {
    ReferenceTensor(
      shape,
      values.map { x in
        if x == 0 { return x }
        let unit = Double(sign: .plus, exponent: x.exponent - 7, significand: 1)
        return (x / unit).rounded(.toNearestOrEven) * unit
      })
  }
}
