import EngineTestSupport
import Tensors
import TestSupport
import Testing

@Suite struct ProductsTests {
  // A sum of up to 600 rounded products: about √600 half-ULPs (6e-8) at the worst, in RMS far less.
  private let ratio = 1e-6

  @Test(arguments: [Transposition.second, .none, .first]) func equalTheReferenceForRaggedSizes(
    transposed: Transposition
  ) {
    let pool = WorkerPool(threadCount: 2)
    let sizes = [1, 2, 7, 16, 17, 33, 70]
    for rows in sizes {
      for columns in sizes {
        for inner in sizes {
          let product = Product(rows, columns, inner, transposed)
          for accumulate in [false, true] {
            let name = "\(rows)×\(columns)×\(inner), accumulate \(accumulate)"
            // The terms of a lone sum may cancel.
            let ratio = rows * columns < 10 ? 10 * ratio : ratio
            product.check(name, ratio, accumulate) { c, a, b in
              multiply(c, a, b, transposed: transposed, accumulate: accumulate, on: pool)
            }
            product.check("\(name), here", ratio, accumulate) { c, a, b in
              multiplyHere(c, a, b, transposed: transposed, accumulate: accumulate)
            }
          }
        }
      }
    }
  }

  @Test(arguments: [Transposition.second, .none, .first]) func equalTheReferenceOverManyTiles(
    transposed: Transposition
  ) {
    for (rows, columns, inner) in [(300, 530, 20), (1030, 700, 5), (513, 1057, 3)] {
      let product = Product(rows, columns, inner, transposed)
      product.check("\(rows)×\(columns)×\(inner)", ratio, true) { c, a, b in
        multiply(c, a, b, transposed: transposed, accumulate: true, on: WorkerPool(threadCount: 2))
      }
    }
  }

  @Test func aFactorMultipliesTheProductOnly() {
    let product = Product(5, 6, 7, .none)
    product.check("factor", ratio, true, factor: 0.25) { c, a, b in
      multiplyHere(c, a, b, transposed: .none, accumulate: true, factor: 0.25)
    }
  }

  @Test(arguments: [Transposition.second, .none, .first], [1, 5, 16, 17, 300, 1100])
  func haveTheSameBitsForAnyNumberOfThreads(transposed: Transposition, rows: Int) {
    let product = Product(rows, 600, 40, transposed, hasReference: false)
    let results = [1, 2, 3, 8].map { threadCount in
      let c = Tensor.poison(Shape(rows, 600))
      multiply(
        Matrix(c), product.a.matrix, product.b.matrix, transposed: transposed, on: WorkerPool(threadCount: threadCount))
      return c.bits
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  @Test func nothingIsWrittenForNoRows() {
    let c = Tensor(Shape(0, 3))
    multiply(
      Matrix(c), Matrix(Tensor(Shape(0, 4))), Matrix(Tensor(Shape(3, 4))), transposed: .second,
      on: WorkerPool(threadCount: 1))
    #expect(c.values == [])
  }

  @Test func shapesThatDoNotFitStopTheProgram() async {
    await #expect(processExitsWith: .failure) {
      let (c, a, b) = (Matrix(Tensor(Shape(2, 3))), Matrix(Tensor(Shape(2, 4))), Matrix(Tensor(Shape(4, 3))))
      multiplyHere(c, a, b, transposed: .second, accumulate: false)
    }
    await #expect(processExitsWith: .failure) {
      let (c, a, b) = (Matrix(Tensor(Shape(3, 2))), Matrix(Tensor(Shape(2, 4))), Matrix(Tensor(Shape(4, 3))))
      multiplyHere(c, a, b, transposed: .none, accumulate: false)
    }
  }
}

/// The few-row kernel: `.second`, at most sixteen rows, a dense weight.
@Suite struct FewRowsProductTests {
  // As above, for sums of up to 1,000 products.
  private let ratio = 1e-6

  @Test(arguments: 1...16) func equalsTheReference(rows: Int) {
    var generator = SeededGenerator(seed: 4)
    let pool = WorkerPool(threadCount: 2)
    for inner in [1, 7, 16, 17, 33, 100, 1000] {
      for columns in [1, 2, 3, 4, 5, 9, 67] {
        let a = Inlay(.roundedNormal([rows, inner], using: &generator))
        let b = ReferenceTensor.roundedNormal([columns, inner], using: &generator)
        let start = ReferenceTensor.roundedNormal([rows, columns], using: &generator)
        let expected = Reference.linear(a.values, weight: b)
        let (c, sum) = (Inlay(poison: rows, columns), Inlay(start))
        multiply(c.matrix, a.matrix, Matrix(Tensor(b)), transposed: .second, on: pool)
        multiply(sum.matrix, a.matrix, Matrix(Tensor(b)), transposed: .second, accumulate: true, on: pool)
        expectClose(c.values, expected, ratio: ratio, "\(rows)×\(columns)×\(inner)")
        expectClose(sum.values, start + expected, ratio: ratio, "\(rows)×\(columns)×\(inner), added")
        #expect(c.isBorderIntact && sum.isBorderIntact)
      }
    }
  }

  @Test(arguments: [1, 15, 16, 40, 259]) func aRowsBitsDoNotDependOnTheOtherRows(inner: Int) {
    var generator = SeededGenerator(seed: 5)
    let pool = WorkerPool(threadCount: 1)
    let a = Tensor(.roundedNormal([16, inner], using: &generator))
    let b = Matrix(Tensor(.roundedNormal([70, inner], using: &generator)))
    func bits(_ rows: Range<Int>) -> [UInt32] {
      let c = Tensor.poison(Shape(rows.count, 70))
      multiply(Matrix(c), Matrix(a).rows(rows), b, transposed: .second, on: pool)
      return c.bits
    }
    let whole = bits(0..<16)
    for first in 0..<16 {
      for end in first + 1...16 { #expect(bits(first..<end) == Array(whole[first * 70..<end * 70])) }
    }
  }
}

/// Operands of one product as inlays, and what it should give.
private struct Product {
  let a: Inlay
  let b: Inlay
  private let start: ReferenceTensor
  private let expected: ReferenceTensor

  init(_ rows: Int, _ columns: Int, _ inner: Int, _ transposed: Transposition, hasReference: Bool = true) {
    var generator = SeededGenerator(seed: 3)
    let a = ReferenceTensor.roundedNormal(transposed == .first ? [inner, rows] : [rows, inner], using: &generator)
    let b = ReferenceTensor.roundedNormal(
      transposed == .second ? [columns, inner] : [inner, columns], using: &generator)
    start = .roundedNormal([rows, columns], using: &generator)
    expected =
      hasReference
      ? Reference.linear(transposed == .first ? a.transposed : a, weight: transposed == .second ? b : b.transposed)
      : start
    (self.a, self.b) = (Inlay(a), Inlay(b))
  }

  func check(
    _ name: String, _ ratio: Double, _ accumulate: Bool, factor: Double = 1, multiply: (Matrix, Matrix, Matrix) -> Void
  ) {
    let c = accumulate ? Inlay(start) : Inlay(poison: start.shape[0], start.shape[1])
    multiply(c.matrix, a.matrix, b.matrix)
    expectClose(c.values, accumulate ? start + factor * expected : factor * expected, ratio: ratio, name)
    #expect(c.isBorderIntact, "\(name)")
  }
}
