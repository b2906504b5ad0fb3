import EngineTestSupport
import Retention
import Tensors
import TestSupport
import Testing

@Suite struct ChunkwiseBackwardTests {
  private let pool = WorkerPool(threadCount: 2)
  // Each gradient is a few sums of at most T·K rounded products, one after the other.
  private let ratio = 1e-6

  @Test(arguments: 0...9) func equalsTheReferenceForEveryChunkLengthAndDocumentLayout(T: Int) throws {
    let size = RetentionCase(T: T)
    for starts in [nil] + allDocumentStarts(T).map({ [$0] }) {
      try check(size, starts, Array(1...T + 2))
    }
  }

  @Test(arguments: [
    RetentionCase(B: 2, T: 7, H: 4, G: 2, K: 3, V: 5), RetentionCase(B: 2, T: 7, H: 6, G: 6, K: 2, V: 1),
    RetentionCase(B: 3, T: 5, H: 3, G: 1, K: 1, V: 4), RetentionCase(B: 1, T: 8, H: 1, G: 1, K: 16, V: 32),
    RetentionCase(B: 2, T: 6, H: 2, G: 2, K: 17, V: 7),
  ]) func equalsTheReferenceForBatchesHeadsAndWidths(size: RetentionCase) throws {
    try check(size, nil, Array(1...size.T + 2))
    let starts = (0..<size.B).map { Reference.documentStarts([2 + $0, size.T - 2 - $0], isContinued: $0 == 1) }
    try check(size, starts, Array(1...size.T + 2))
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
    let size = RetentionCase(B: 2, T: 150, H: 4, G: 2, K: 8, V: 12)
    let (dOutput, dFinalState) = size.outputGradients()
    let results = [1, 2, 3, 8].map { threadCount in
      let found = RetentionRun(size.inputs()).gradients(
        chunkLength: 32, dOutput: dOutput, dFinalState: dFinalState, on: WorkerPool(threadCount: threadCount))
      return [found.dq, found.dk, found.dv, found.dInitialState]
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  @Test func noGradientPassesBetweenDocuments() {
    let (T, starts) = (20, Reference.documentStarts([7, 13]))
    let size = RetentionCase(T: T)
    let inputs = size.inputs(documentStarts: [starts])
    let (dOutput, dFinalState) = size.outputGradients()
    func gradients(_ dOutput: ReferenceTensor, _ dFinalState: ReferenceTensor) -> RetentionGradients {
      RetentionRun(inputs).gradients(chunkLength: 6, dOutput: dOutput, dFinalState: dFinalState, on: pool)
    }
    let before = gradients(dOutput, dFinalState)
    var other = dOutput
    for t in 7..<T { for j in 0..<size.V { other[0, t, 0, j] += 1 } }
    let after = gradients(other, 2 * dFinalState)
    for (found, expected) in [(after.dq, before.dq), (after.dk, before.dk), (after.dv, before.dv)] {
      #expect(found.slice(axis: 1, 0..<7) == expected.slice(axis: 1, 0..<7))
      #expect(found != expected)
    }
    #expect(before.dInitialState.values.allSatisfy { $0 == 0 })
  }

  private func check(_ size: RetentionCase, _ starts: [[Int]]?, _ chunkLengths: [Int]) throws {
    let inputs = size.inputs(documentStarts: starts)
    let (dOutput, dFinalState) = size.outputGradients()
    for through in [dFinalState, nil] {
      let expected = Reference.retentionBackward(inputs, .recurrent, dOutput: dOutput, dFinalState: through)
      for chunkLength in chunkLengths {
        let found = RetentionRun(inputs).gradients(
          chunkLength: chunkLength, dOutput: dOutput, dFinalState: through, on: pool)
        try requireClose(
          found, expected, "\(size)-C\(chunkLength), documents \(starts ?? [])", isStateWanted: through != nil)
      }
    }
  }

  private func requireClose(
    _ found: RetentionGradients, _ expected: RetentionGradients, _ name: String, isStateWanted: Bool = true
  ) throws {
    try EngineTestSupport.requireClose(found.dq.values, expected.dq, ratio: ratio, "dq, \(name)")
    try EngineTestSupport.requireClose(found.dk.values, expected.dk, ratio: ratio, "dk, \(name)")
    try EngineTestSupport.requireClose(found.dv.values, expected.dv, ratio: ratio, "dv, \(name)")
    if isStateWanted {
      try EngineTestSupport.requireClose(
        found.dInitialState.values, expected.dInitialState, ratio: ratio, "dstate, \(name)")
    }
  }
}
