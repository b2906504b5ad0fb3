import Retention
import Tensors
import Testing

/// Memory made for another call would be read or written in the wrong places: each form refuses it.
@Suite struct RefusalTests {
  @Test func statesForFewerChunksStopTheProgram() async {
    await #expect(processExitsWith: .failure) { Call().chunkwise(chunks: 2) }
  }

  @Test func statesForFewerSequencesStopTheProgram() async {
    await #expect(processExitsWith: .failure) {
      var smaller = Call()
      smaller.shape.batch = 1
      Call().chunkwise(states: smaller.states(3))
    }
  }

  @Test func scratchForShorterChunksStopsTheProgram() async {
    await #expect(processExitsWith: .failure) { Call().chunkwise(scratchLength: 3) }
  }

  @Test func scratchForFewerThreadsStopsTheProgram() async {
    await #expect(processExitsWith: .failure) { Call().chunkwise(workers: 1) }
    await #expect(processExitsWith: .failure) { Call().parallel(workers: 1) }
  }

  @Test func aDecayOfOtherHeadsStopsTheProgram() async {
    await #expect(processExitsWith: .failure) { Call(heads: 2, decays: 3).chunkwise() }
    await #expect(processExitsWith: .failure) { Call(heads: 2, decays: 1).recurrent() }
  }

  @Test func documentsOfAnotherBatchStopTheProgram() async {
    await #expect(processExitsWith: .failure) { Call().recurrent(documents: Indices(count: 22)) }
    await #expect(processExitsWith: .failure) { Call().parallel(documents: Indices(count: 10)) }
  }

  @Test func powersForFewerStepsStopTheProgram() async {
    await #expect(processExitsWith: .failure) { Call(powers: 9).parallel() }
    await #expect(processExitsWith: .failure) { Call(powers: 3).chunkwise() }
  }

  @Test func theRightMemoryIsTaken() {
    Call().chunkwise()
    Call().parallel()
    Call().recurrent()
  }
}

/// A call with 2 sequences of 10 tokens in chunks of 4.
private struct Call {
  var shape: RetentionShape
  private let table: DecayTable
  private let pool = WorkerPool(threadCount: 2)

  init(heads: Int = 2, decays: Int = 2, powers: Int = 10) {
    shape = RetentionShape(batch: 2, time: 10, heads: heads, keyWidth: 2, valueWidth: 3)
    table = DecayTable(Decay(.powers, heads: decays), length: powers)
  }

  private func matrix(_ width: Int) -> Matrix { Matrix(Tensor(Shape(20, shape.heads * width))) }

  func states(_ chunks: Int) -> ChunkStates { ChunkStates(shape, chunks: chunks) }

  func recurrent(documents: Indices? = nil) {
    recurrentRetention(
      matrix(3), matrix(2), matrix(2), matrix(3), shape: shape, table: table, state: RetentionState(shape),
      documentStarts: documents, on: pool)
  }

  func parallel(workers: Int = 2, documents: Indices? = nil) {
    parallelRetention(
      matrix(3), matrix(2), matrix(2), matrix(3), shape: shape, table: table, state: RetentionState(shape),
      documentStarts: documents, scratch: ParallelScratch(shape, workers: workers), on: pool)
  }

  func chunkwise(chunks: Int = 3, states: ChunkStates? = nil, scratchLength: Int = 4, workers: Int = 2) {
    chunkwiseRetention(
      matrix(3), matrix(2), matrix(2), matrix(3), shape: shape, chunkLength: 4, table: table,
      state: RetentionState(shape), states: states ?? self.states(chunks),
      scratch: ChunkScratch(shape, chunkLength: scratchLength, workers: workers), on: pool)
  }
}
