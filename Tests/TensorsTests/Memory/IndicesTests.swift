import Tensors
import Testing

@Suite struct IndicesTests {
  @Test func aSliceLooksAtTheSameNumbers() {
    let indices = Indices([5, 6, 7, 8])
    let slice = indices.slice(1..<3)
    #expect((0..<slice.count).map { slice[$0] } == [6, 7])
    slice[0] = -1
    #expect(indices[1] == -1)
    indices.withMutableSpan { span in span[2] = 9 }
    #expect(slice[1] == 9)
    #expect(indices.slice(4..<4).count == 0)
  }

  @Test func newOnesAreZero() {
    let indices = Indices(count: 3)
    #expect((0..<3).allSatisfy { indices[$0] == 0 })
    #expect(Indices([]).count == 0)
  }

  @Test func aWrongUseStopsTheProgram() async {
    await #expect(processExitsWith: .failure) { _ = Indices([1, 2])[2] }
    await #expect(processExitsWith: .failure) { _ = Indices([1, 2]).slice(1..<3) }
    await #expect(processExitsWith: .failure) { _ = DoubleBuffer(count: 2)[2] }
  }
}
