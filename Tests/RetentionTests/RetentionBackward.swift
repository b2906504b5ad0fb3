import EngineTestSupport
import Tensors
import TestSupport
import Testing

/// The backward of a form, and what every backward of retention is held to.
struct RetentionBackward {
  private let gradients:
    (RetentionRun, _ dOutput: ReferenceTensor, _ dFinalState: ReferenceTensor?, WorkerPool) -> RetentionGradients
  private let name: String
  private let pool: WorkerPool

  static func parallel(on pool: WorkerPool) -> RetentionBackward {
    RetentionBackward(
      gradients: { $0.parallelGradients(dOutput: $1, dFinalState: $2, on: $3) }, name: "parallel", pool: pool)
  }

  static func chunkwise(_ chunkLength: Int, on pool: WorkerPool) -> RetentionBackward {
    RetentionBackward(
      gradients: { $0.gradients(chunkLength: chunkLength, dOutput: $1, dFinalState: $2, on: $3) },
      name: "C\(chunkLength)", pool: pool)
  }

  /// Requires the gradients of the Float64 reference, with and without one that comes in through the final state.
  func requireReference(_ size: RetentionCase, documentStarts: [[Int]]?) throws {
    let inputs = size.inputs(documentStarts: documentStarts)
    let (dOutput, dFinalState) = size.outputGradients()
    for through in [dFinalState, nil] {
      let expected = Reference.retentionBackward(inputs, .recurrent, dOutput: dOutput, dFinalState: through)
      let found = gradients(RetentionRun(inputs), dOutput, through, pool)
      try requireClose(
        found, expected, "\(size)-\(name), documents \(documentStarts ?? [])", isStateWanted: through != nil)
    }
  }

  /// Expects the same bits for one, two, three and eight threads.
  func expectSameBits(_ size: RetentionCase, documentStarts: [[Int]]? = nil) {
    let (dOutput, dFinalState) = size.outputGradients()
    let results = [1, 2, 3, 8].map { threadCount in
      gradients(
        RetentionRun(size.inputs(documentStarts: documentStarts)), dOutput, dFinalState,
        WorkerPool(threadCount: threadCount)
      ).tensors
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  /// Expects that of two documents the first feels nothing of what changes in the second or after it.
  func expectNoGradientBetweenDocuments(lengths: (Int, Int)) {
    let (first, T) = (lengths.0, lengths.0 + lengths.1)
    let size = RetentionCase(T: T)
    let inputs = size.inputs(documentStarts: [Reference.documentStarts([lengths.0, lengths.1])])
    let (dOutput, dFinalState) = size.outputGradients()
    let before = gradients(RetentionRun(inputs), dOutput, dFinalState, pool)
    var other = dOutput
    for t in first..<T { for j in 0..<size.V { other[0, t, 0, j] += 1 } }
    let after = gradients(RetentionRun(inputs), other, 2 * dFinalState, pool)
    for (found, expected) in [(after.dq, before.dq), (after.dk, before.dk), (after.dv, before.dv)] {
      #expect(found.slice(axis: 1, 0..<first) == expected.slice(axis: 1, 0..<first))
      #expect(found != expected)
    }
    #expect(before.dInitialState.values.allSatisfy { $0 == 0 })
  }
}

extension RetentionGradients {
  var tensors: [ReferenceTensor] { [dq, dk, dv, dInitialState] }
}

/// Requires four gradients to be close, that of the state only where it is wanted.
func requireClose(
  _ found: RetentionGradients, _ expected: RetentionGradients, _ name: String, isStateWanted: Bool = true
) throws {
  // Each gradient is a few sums of at most T·K rounded products, one after the other.
  let ratio = 1e-6
  let names = ["dq", "dk", "dv"] + (isStateWanted ? ["dstate"] : [])
  for (label, (found, expected)) in zip(names, zip(found.tensors, expected.tensors)) {
    try requireClose(found.values, expected, ratio: ratio, "\(label), \(name)")
  }
}
