import Tensors
import Testing

@Suite struct ShapeTests {
  @Test func knowsItsExtents() {
    let shape = Shape(2, 3, 5, 7)
    #expect(shape.rank == 4)
    #expect(shape.extents == [2, 3, 5, 7])
    #expect((0..<4).map { shape[$0] } == [2, 3, 5, 7])
    #expect(shape.count == 210)
    #expect(shape.last == 7)
    #expect(shape.description == "[2, 3, 5, 7]")
  }

  @Test(arguments: [[4], [4, 3], [4, 3, 2], [4, 3, 2, 5], [0], [3, 0]])
  func comesFromAListOfOneToFourExtents(extents: [Int]) {
    let shape = Shape(extents)
    #expect(shape?.extents == extents)
    #expect(shape?.count == extents.reduce(1, *))
    #expect(shape?.last == extents.last)
  }

  @Test(arguments: [[], [1, 2, 3, 4, 5], [-1], [2, -3], [1 << 32, 1 << 32], [Int.max, 2]])
  func aListThatIsNoShapeGivesNone(extents: [Int]) {
    #expect(Shape(extents) == nil)
  }

  @Test func ranksAreNotInterchangeable() {
    #expect(Shape(6) != Shape(6, 1))
    #expect(Shape(2, 3) != Shape(3, 2))
    #expect(Shape(2, 3) == Shape([2, 3]))
  }

  @Test func aWrongUseStopsTheProgram() async {
    await #expect(processExitsWith: .failure) { _ = Shape(2, -1) }
    await #expect(processExitsWith: .failure) { _ = Shape(2, 3)[2] }
    await #expect(processExitsWith: .failure) { checkShape(Tensor(Shape(2, 3)), Shape(3, 2), "x") }
  }
}
