import EngineTestSupport
import Tensors
import TestSupport
import Testing

/// The chunkwise form with bfloat16 operands: near the Float64 reference, and the same numbers everywhere.
@Suite struct BFloat16RetentionTests {
  private let size = RetentionCase(B: 2, T: 150, H: 4, G: 2, K: 24, V: 40)
  private let chunkLength = 32

  @Test func isNearTheReferenceAndItsStateIsToo() {
    let inputs = size.inputs(documentStarts: size.twoDocuments)
    let expected = Reference.retention(inputs, .recurrent)
    let run = RetentionRun(inputs, precision: .bfloat16)
    let output = run.output(.chunkwise(chunkLength), on: WorkerPool(threadCount: 2)).reference
    expectRounded(output.reshaped(expected.output.shape), expected.output, "output")
    expectRounded(run.state.reference, expected.finalState, "state")
  }

  @Test func itsGradientsAreNearTheReference() {
    let inputs = size.inputs(documentStarts: size.twoDocuments)
    let (dOutput, dFinalState) = size.outputGradients()
    let expected = Reference.retentionBackward(inputs, .recurrent, dOutput: dOutput, dFinalState: dFinalState)
    let found = gradients(WorkerPool(threadCount: 2))
    for (index, (found, expected)) in zip(found.tensors, expected.tensors).enumerated() {
      expectRounded(found, expected, "gradient \(index)")
    }
  }

  @Test func hasTheSameBitsForAnyNumberOfThreadsAndWithoutTheInstruction() {
    let pools = [1, 2, 3].map { WorkerPool(threadCount: $0) } + [WorkerPool(threadCount: 2, usesPortableKernels: true)]
    let results = pools.map { gradients($0).tensors }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  private func gradients(_ pool: WorkerPool) -> RetentionGradients {
    let (dOutput, dFinalState) = size.outputGradients()
    return RetentionRun(size.inputs(documentStarts: size.twoDocuments), precision: .bfloat16).gradients(
      chunkLength: chunkLength, dOutput: dOutput, dFinalState: dFinalState, on: pool)
  }

  /// An operand is off by 2⁻⁹ at most, 1.1e-3 in the mean; two or three roundings lie in each sum.
  private func expectRounded(_ found: ReferenceTensor, _ expected: ReferenceTensor, _ name: String) {
    expectClose(found, expected, ratio: 4e-3, name)
    #expect(rmsRatio(found.values, expected.values) > 1e-4, "\(name): not rounded at all")
  }
}
