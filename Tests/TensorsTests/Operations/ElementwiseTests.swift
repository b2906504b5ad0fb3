import EngineTestSupport
import Tensors
import TestSupport
import Testing

@Suite struct ElementwiseTests {
  @Test(arguments: [0, 1, 17, 65_536, 65_537, 200_001]) func sumOfSquaresKeepsFloat64Digits(count: Int) {
    var generator = SeededGenerator(seed: 18)
    let x = ReferenceTensor.roundedNormal([count], using: &generator)
    let tensor = Tensor(x)
    let scratch = DoubleBuffer(count: tensor.sumBlockCount, repeating: .nan)
    let sums = [1, 2, 3].map { tensor.sumOfSquares(scratch: scratch, on: WorkerPool(threadCount: $0)) }
    // Float64 rounding of 200,000 terms.
    expectClose([sums[0]], [x.dot(x)], ratio: 1e-13)
    #expect(sums.allSatisfy { $0 == sums[0] })
  }

  @Test func sumOfSquaresDoesNotOverflow() {
    let tensor = Tensor(Shape(20), [Float](repeating: 3e38, count: 20))
    let sum = tensor.sumOfSquares(scratch: DoubleBuffer(count: 1), on: WorkerPool(threadCount: 1))
    expectClose([sum], [20 * Double(Float(3e38)) * Double(Float(3e38))], ratio: 1e-13)
  }

  @Test(arguments: [1, 17, 70_000]) func fillClearCopyAndScaleReachEveryNumber(count: Int) {
    let pool = WorkerPool(threadCount: 2)
    let (x, y) = (Tensor(Shape(count), (0..<count).map(Float.init)), Tensor.poison(Shape(count)))
    y.copy(x, on: pool)
    y.scale(by: 0.5, on: pool)
    #expect(y.values == (0..<count).map { Float($0) / 2 })
    y.clear(on: pool)
    #expect(y.values == [Float](repeating: 0, count: count))
    y.fill(7)
    #expect(y.values == [Float](repeating: 7, count: count))
  }

  @Test func rowsAreAddedInOrder() {
    let y = Tensor(Shape(2), [1, 2])
    addRows(y, Tensor(Shape(3, 2), [10, 20, 30, 40, 50, 60]))
    #expect(y.values == [91, 122])
  }

  @Test func workOnTheCallingThread() {
    let (x, y) = (Tensor(Shape(3), [1, 2, 3]), Tensor(Shape(3), [1, 1, 1]))
    addHere(y, x, factor: 2)
    #expect(y.values == [3, 5, 7])
    scaleHere(y, by: 2)
    #expect(y.values == [6, 10, 14])
    copyHere(y, x)
    #expect(y.values == [1, 2, 3])
  }
}
