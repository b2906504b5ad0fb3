import EngineTestSupport
import Tensors
import TestSupport
import Testing

@Suite struct EmbeddingTests {
  @Test(arguments: [1, 7, 16, 17, 100, 200]) func gatherAndScatterEqualTheReference(width: Int) {
    var generator = SeededGenerator(seed: 16)
    let ids = [[3, 0, 3, 3, 9, 1, 0, 5]]
    let indices = Indices(ids[0].map(Int32.init))
    let table = ReferenceTensor.roundedNormal([10, width], using: &generator)
    let y = Tensor.poison(Shape(8, width))
    gatherRows(y, Tensor(table), indices)
    #expect(y.reference.values == Reference.embedding(ids, weight: table).values)

    let dy = ReferenceTensor.roundedNormal([1, 8, width], using: &generator)
    let expected = table + Reference.embeddingBackward(dy, tokens: ids, vocabularySize: 10)
    let results = [1, 2, 3].map { threadCount in
      let dtable = Tensor(table)
      scatterAddRows(dtable, Tensor(dy.reshaped([8, width])), indices, on: WorkerPool(threadCount: threadCount))
      // At most four sums.
      expectClose(dtable, expected, ratio: 3e-7)
      return dtable.bits
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  @Test(arguments: [-1, 10]) func anIDOutsideTheTableStopsTheProgram(id: Int) async {
    await #expect(processExitsWith: .failure) { [id] in
      gatherRows(Tensor(Shape(1, 2)), Tensor(Shape(10, 2)), Indices([Int32(id)]))
    }
  }
}
