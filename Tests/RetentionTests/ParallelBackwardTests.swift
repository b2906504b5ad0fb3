import Tensors
import TestSupport
import Testing

@Suite struct ParallelBackwardTests {
  private let pool = WorkerPool(threadCount: 2)
  private var backward: RetentionBackward { .parallel(on: pool) }

  @Test(arguments: 0...9) func equalsTheReferenceForEveryDocumentLayout(T: Int) throws {
    for starts in [nil] + allDocumentStarts(T).map({ [$0] }) {
      try backward.requireReference(RetentionCase(T: T), documentStarts: starts)
    }
  }

  @Test(
    arguments: RetentionCase.batchesHeadsAndWidths + [
      // Blocks of 64 rows: one, one and a row, nearly two.
      RetentionCase(B: 2, T: 64, H: 2, G: 1, K: 4, V: 6), RetentionCase(B: 1, T: 65, H: 4, G: 2, K: 4, V: 6),
      RetentionCase(B: 1, T: 127, H: 2, G: 2, K: 4, V: 6),
    ]) func equalsTheReferenceForBatchesHeadsAndWidths(size: RetentionCase) throws
  {
    for starts in [nil, size.twoDocuments] { try backward.requireReference(size, documentStarts: starts) }
  }

  @Test(arguments: [63, 500]) func equalsTheReferenceForLargeRaggedSizes(T: Int) throws {
    let size = RetentionCase(T: T, H: 2, G: 1, K: 8, V: 16)
    let starts = [Reference.documentStarts([T / 3, 1, T - 1 - T / 3], isContinued: true)]
    for documents in [nil, starts] { try backward.requireReference(size, documentStarts: documents) }
  }

  @Test func noStateIsAnEmptyOne() throws {
    var inputs = RetentionCase(T: 9).inputs()
    inputs.initialState = ReferenceTensor(inputs.initialState.shape)
    let (dOutput, dFinalState) = RetentionCase(T: 9).outputGradients()
    let results = [true, false].map { hasState in
      RetentionRun(inputs).parallelGradients(
        dOutput: dOutput, dFinalState: dFinalState, hasState: hasState, on: pool
      ).tensors
    }
    #expect(results[0] == results[1])
  }

  @Test func hasTheSameBitsForAnyNumberOfThreads() {
    let starts = [[100, 50], [1, 149]].map { Reference.documentStarts($0, isContinued: true) }
    backward.expectSameBits(RetentionCase(B: 2, T: 150, H: 4, G: 2, K: 8, V: 12), documentStarts: starts)
  }

  @Test func noGradientPassesBetweenDocuments() {
    backward.expectNoGradientBetweenDocuments(lengths: (67, 13))
  }
}
