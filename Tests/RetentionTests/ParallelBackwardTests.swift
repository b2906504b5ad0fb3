import EngineTestSupport
import Retention
import Tensors
import TestSupport
import Testing

@Suite struct ParallelBackwardTests {
  private let pool = WorkerPool(threadCount: 2)
  // Each gradient is a few sums of at most T·K rounded products, one after the other.
  private let ratio = 1e-6

  @Test(arguments: 0...9) func equalsTheReferenceForEveryDocumentLayout(T: Int) throws {
    for starts in [nil] + allDocumentStarts(T).map({ [$0] }) { try check(RetentionCase(T: T), starts) }
  }

  @Test(arguments: [
    RetentionCase(B: 2, T: 7, H: 4, G: 2, K: 3, V: 5), RetentionCase(B: 2, T: 7, H: 6, G: 6, K: 2, V: 1),
    RetentionCase(B: 3, T: 5, H: 3, G: 1, K: 1, V: 4), RetentionCase(B: 1, T: 8, H: 1, G: 1, K: 16, V: 32),
    RetentionCase(B: 2, T: 6, H: 2, G: 2, K: 17, V: 7),
    // Blocks of 64 rows: one, one and a row, nearly two.
    RetentionCase(B: 2, T: 64, H: 2, G: 1, K: 4, V: 6), RetentionCase(B: 1, T: 65, H: 4, G: 2, K: 4, V: 6),
    RetentionCase(B: 1, T: 127, H: 2, G: 2, K: 4, V: 6),
  ]) func equalsTheReferenceForBatchesHeadsAndWidths(size: RetentionCase) throws {
    try check(size, nil)
    try check(size, (0..<size.B).map { Reference.documentStarts([2 + $0, size.T - 2 - $0], isContinued: $0 == 1) })
  }

  @Test(arguments: [63, 500]) func equalsTheReferenceForLargeRaggedSizes(T: Int) throws {
    let size = RetentionCase(T: T, H: 2, G: 1, K: 8, V: 16)
    try check(size, nil)
    try check(size, [Reference.documentStarts([T / 3, 1, T - 1 - T / 3], isContinued: true)])
  }

  @Test func noStateIsAnEmptyOne() throws {
    var inputs = RetentionCase(T: 9).inputs()
    inputs.initialState = ReferenceTensor(inputs.initialState.shape)
    let (dOutput, dFinalState) = RetentionCase(T: 9).outputGradients()
    let results = [true, false].map { hasState in
      let found = RetentionRun(inputs).parallelGradients(
        dOutput: dOutput, dFinalState: dFinalState, hasState: hasState, on: pool)
      return [found.dq, found.dk, found.dv, found.dInitialState]
    }
    #expect(results[0] == results[1])
  }

  @Test func hasTheSameBitsForAnyNumberOfThreads() {
    let size = RetentionCase(B: 2, T: 150, H: 4, G: 2, K: 8, V: 12)
    let (dOutput, dFinalState) = size.outputGradients()
    let starts = [[100, 50], [1, 149]].map { Reference.documentStarts($0, isContinued: true) }
    let results = [1, 2, 3, 8].map { threadCount in
      let found = RetentionRun(size.inputs(documentStarts: starts)).parallelGradients(
        dOutput: dOutput, dFinalState: dFinalState, on: WorkerPool(threadCount: threadCount))
      return [found.dq, found.dk, found.dv, found.dInitialState]
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  @Test func noGradientPassesBetweenDocuments() {
    let (T, starts) = (80, Reference.documentStarts([67, 13]))
    let size = RetentionCase(T: T)
    let inputs = size.inputs(documentStarts: [starts])
    let (dOutput, dFinalState) = size.outputGradients()
    func gradients(_ dOutput: ReferenceTensor, _ dFinalState: ReferenceTensor) -> RetentionGradients {
      RetentionRun(inputs).parallelGradients(dOutput: dOutput, dFinalState: dFinalState, on: pool)
    }
    let before = gradients(dOutput, dFinalState)
    var other = dOutput
    for t in 67..<T { for j in 0..<size.V { other[0, t, 0, j] += 1 } }
    let after = gradients(other, 2 * dFinalState)
    for (found, expected) in [(after.dq, before.dq), (after.dk, before.dk), (after.dv, before.dv)] {
      #expect(found.slice(axis: 1, 0..<67) == expected.slice(axis: 1, 0..<67))
      #expect(found != expected)
    }
    #expect(before.dInitialState.values.allSatisfy { $0 == 0 })
  }

  private func check(_ size: RetentionCase, _ starts: [[Int]]?) throws {
    let inputs = size.inputs(documentStarts: starts)
    let (dOutput, dFinalState) = size.outputGradients()
    for through in [dFinalState, nil] {
      let expected = Reference.retentionBackward(inputs, .recurrent, dOutput: dOutput, dFinalState: through)
      let found = RetentionRun(inputs).parallelGradients(dOutput: dOutput, dFinalState: through, on: pool)
      let name = "\(size), documents \(starts ?? [])"
      try requireClose(found.dq.values, expected.dq, ratio: ratio, "dq, \(name)")
      try requireClose(found.dk.values, expected.dk, ratio: ratio, "dk, \(name)")
      try requireClose(found.dv.values, expected.dv, ratio: ratio, "dv, \(name)")
      if through != nil {
        try requireClose(found.dInitialState.values, expected.dInitialState, ratio: ratio, "dstate, \(name)")
      }
    }
  }
}
