import Tensors
import TestSupport
import Testing

@Suite struct ChunkwiseBackwardTests {
  private let pool = WorkerPool(threadCount: 2)

  private func check(_ size: RetentionCase, _ documentStarts: [[Int]]?, _ chunkLengths: [Int]) throws {
    for chunkLength in chunkLengths {
      try RetentionBackward.chunkwise(chunkLength, on: pool).requireReference(size, documentStarts: documentStarts)
    }
  }

  @Test(arguments: 0...9) func equalsTheReferenceForEveryChunkLengthAndDocumentLayout(T: Int) throws {
    for starts in [nil] + allDocumentStarts(T).map({ [$0] }) {
      try check(RetentionCase(T: T), starts, Array(1...T + 2))
    }
  }

  @Test(arguments: RetentionCase.batchesHeadsAndWidths)
  func equalsTheReferenceForBatchesHeadsAndWidths(size: RetentionCase) throws {
    for starts in [nil, size.twoDocuments] { try check(size, starts, Array(1...size.T + 2)) }
  }

  @Test(arguments: [63, 500, 1000]) func equalsTheReferenceForLargeRaggedSizes(T: Int) throws {
    let size = RetentionCase(T: T, H: 2, G: 1, K: 8, V: 16)
    let starts = [Reference.documentStarts([T / 3, 1, T - 1 - T / 3], isContinued: true)]
    for documents in [nil, starts] { try check(size, documents, [7, 64, 100, T]) }
  }

  @Test(arguments: 1...7) func aRunSplitAnywhereContinuesThroughTheStatesGradient(T: Int) throws {
    let size = RetentionCase(T: T, V: 2)
    let (dOutput, dFinalState) = size.outputGradients()
    for starts in allDocumentStarts(T) {
      let inputs = size.inputs(documentStarts: [starts])
      let whole = Reference.retentionBackward(inputs, .recurrent, dOutput: dOutput, dFinalState: dFinalState)
      for split in 0...T {
        let before = RetentionRun(inputs.part(0..<split))
        _ = before.output(.recurrent, on: pool)
        // The backward runs the forward again, so the second half gets the state that the first left.
        let second = RetentionRun(inputs.part(split..<T), state: before.state).gradients(
          chunkLength: 2, dOutput: dOutput.slice(axis: 1, split..<T), dFinalState: dFinalState, on: pool)
        let first = RetentionRun(inputs.part(0..<split)).gradients(
          chunkLength: 3, dOutput: dOutput.slice(axis: 1, 0..<split), dFinalState: second.dInitialState, on: pool)
        let joined = RetentionGradients(
          dq: first.dq.joined(second.dq, axis: 1), dk: first.dk.joined(second.dk, axis: 1),
          dv: first.dv.joined(second.dv, axis: 1), dInitialState: first.dInitialState)
        try requireClose(joined, whole, "split at \(split), documents \(starts)")
      }
    }
  }

  @Test func hasTheSameBitsForAnyNumberOfThreads() {
    RetentionBackward.chunkwise(32, on: pool).expectSameBits(RetentionCase(B: 2, T: 150, H: 4, G: 2, K: 8, V: 12))
  }

  @Test func noGradientPassesBetweenDocuments() {
    RetentionBackward.chunkwise(6, on: pool).expectNoGradientBetweenDocuments(lengths: (7, 13))
  }
}
