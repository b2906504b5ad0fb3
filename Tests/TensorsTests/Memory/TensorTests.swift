import EngineTestSupport
import Tensors
import Testing

@Suite struct TensorTests {
  @Test(arguments: [0, 1, 15, 16, 17, 1000]) func isZeroAtFirst(count: Int) {
    #expect(Tensor(Shape(count)).values == [Float](repeating: 0, count: count))
  }

  @Test func aViewLooksAtTheSameNumbers() {
    let tensor = Tensor(Shape(2, 3), [0, 1, 2, 3, 4, 5])
    let view = tensor.view(Shape(2, 2), at: 1)
    #expect(view.values == [1, 2, 3, 4])
    view[3] = 9
    #expect(tensor.values == [0, 1, 2, 3, 9, 5])
    #expect(view.view(Shape(1), at: 3).values == [9])
    #expect(tensor.view(Shape(0), at: 6).values == [])
  }

  @Test func aPrefixKeepsTheOtherAxes() {
    for shape in [Shape(4), Shape(4, 3), Shape(4, 3, 2), Shape(4, 3, 2, 5)] {
      let tensor = Tensor(shape, (0..<shape.count).map(Float.init))
      let prefix = tensor.prefix(2)
      #expect(prefix.shape.extents == [2] + shape.extents.dropFirst())
      #expect(prefix.values == Array(tensor.values.prefix(shape.count / 2)))
    }
  }

  @Test func spansReachEveryNumber() {
    let tensor = Tensor(Shape(3), [1, 2, 3])
    tensor.withMutableSpan { span in for index in 0..<span.count { span[index] += 1 } }
    #expect(tensor.values == [2, 3, 4])
    #expect(tensor.withBytes { $0.byteCount } == 12)
  }

  @Test func aWrongUseStopsTheProgram() async {
    await #expect(processExitsWith: .failure) { _ = Tensor(Shape(2), [1]) }
    await #expect(processExitsWith: .failure) { _ = Tensor(Shape(4)).view(Shape(2), at: 3) }
    await #expect(processExitsWith: .failure) { _ = Tensor(Shape(4)).view(Shape(2), at: -1) }
    await #expect(processExitsWith: .failure) { _ = Tensor(Shape(4, 2)).prefix(5) }
    await #expect(processExitsWith: .failure) { _ = Tensor(Shape(4))[4] }
  }
}

@Suite struct MatrixTests {
  private let tensor = Tensor(Shape(4, 5), (0..<20).map(Float.init))

  @Test func aTensorIsRowsOfItsLastAxis() {
    let matrix = Matrix(Tensor(Shape(2, 3, 5)))
    #expect((matrix.rows, matrix.columns, matrix.stride) == (6, 5, 5))
    #expect(matrix.isDense)
  }

  @Test func aBlockKeepsTheStride() {
    let block = Matrix(tensor).block(rows: 1..<3, columns: 2..<5)
    #expect((block.rows, block.columns, block.stride, block.offset) == (2, 3, 5, 7))
    #expect(!block.isDense)
    let inner = block.rows(1..<2).columns(1..<3)
    #expect((inner.rows, inner.columns, inner.stride, inner.offset) == (1, 2, 5, 13))
    #expect(inner.isDense)
  }

  @Test func anEmptyBlockMayStandAtTheEnd() {
    let block = Matrix(tensor).block(rows: 4..<4, columns: 5..<5)
    #expect((block.rows, block.columns) == (0, 0))
  }

  @Test func aBlockBeyondTheMatrixStopsTheProgram() async {
    await #expect(processExitsWith: .failure) { _ = Matrix(Tensor(Shape(4, 5))).rows(2..<5) }
    await #expect(processExitsWith: .failure) { _ = Matrix(Tensor(Shape(4, 5))).columns(-1..<2) }
    // A column of the block, not of the tensor behind it.
    await #expect(processExitsWith: .failure) { _ = Matrix(Tensor(Shape(4, 5))).columns(0..<2).columns(1..<3) }
  }
}
