import TestSupport
import Testing

@Suite struct RetentionBackwardTests {
  // Float64 rounding; the worst ratio seen is 5e-16.
  private let rounding = 1e-12

  @Test(arguments: [ReferenceForm.parallel, .recurrent, .chunkwise(3), .chunkwise(4)], [nil, [2, 1, 4]] as [[Int]?])
  func isTheGradient(form: ReferenceForm, lengths: [Int]?) {
    let size = RetentionCase(B: 2, T: 7, H: 4, G: 2, K: 3, V: 2)
    // One sequence begins inside a document, the other with one.
    let starts = lengths.map { lengths in [true, false].map { Reference.documentStarts(lengths, isContinued: $0) } }
    let inputs = size.inputs(documentStarts: starts)
    let (dOutput, dFinalState) = size.outputGradients()
    let found = Reference.retentionBackward(inputs, form, dOutput: dOutput, dFinalState: dFinalState)
    func expect(
      _ gradient: ReferenceTensor, of path: WritableKeyPath<RetentionInputs, ReferenceTensor>, _ name: String
    ) {
      expectGradient(gradient, name, at: inputs[keyPath: path], ratio: differencing) { point in
        var moved = inputs
        moved[keyPath: path] = point
        let result = Reference.retention(moved, form)
        return result.output.dot(dOutput) + result.finalState.dot(dFinalState)
      }
    }
    expect(found.dq, of: \.q, "dq")
    expect(found.dk, of: \.k, "dk")
    expect(found.dv, of: \.v, "dv")
    expect(found.dInitialState, of: \.initialState, "dInitialState")
  }

  @Test(arguments: 0...9) func formsAgreeForEveryChunkLengthAndDocumentLayout(T: Int) {
    let size = RetentionCase(T: T)
    let (dOutput, dFinalState) = size.outputGradients()
    for starts in allDocumentStarts(T) {
      let inputs = size.inputs(documentStarts: [starts])
      let expected = Reference.retentionBackward(inputs, .parallel, dOutput: dOutput, dFinalState: dFinalState)
      for form in [.recurrent] + (1...T + 2).map(ReferenceForm.chunkwise) {
        let found = Reference.retentionBackward(inputs, form, dOutput: dOutput, dFinalState: dFinalState)
        expectClose(found, expected, "\(form), documents \(starts)")
      }
    }
  }

  @Test(arguments: 0...9) func aRunSplitAnywhereContinuesThroughTheStateGradient(T: Int) {
    let size = RetentionCase(T: T)
    let (dOutput, dFinalState) = size.outputGradients()
    for starts in allDocumentStarts(T) {
      let inputs = size.inputs(documentStarts: [starts])
      let whole = Reference.retentionBackward(inputs, .parallel, dOutput: dOutput, dFinalState: dFinalState)
      for split in 0...T {
        let firstInputs = inputs.part(0..<split, from: inputs.initialState)
        let middle = Reference.retention(firstInputs, .recurrent).finalState
        let second = Reference.retentionBackward(
          inputs.part(split..<T, from: middle), .chunkwise(2), dOutput: dOutput.slice(axis: 1, split..<T),
          dFinalState: dFinalState)
        let first = Reference.retentionBackward(
          firstInputs, .parallel, dOutput: dOutput.slice(axis: 1, 0..<split), dFinalState: second.dInitialState)
        let joined = RetentionGradients(
          dq: first.dq.joined(second.dq, axis: 1), dk: first.dk.joined(second.dk, axis: 1),
          dv: first.dv.joined(second.dv, axis: 1), dInitialState: first.dInitialState)
        expectClose(joined, whole, "split at \(split), documents \(starts)")
      }
    }
  }

  @Test func formsAgreeOnALargeRaggedSize() {
    let size = RetentionCase(B: 1, T: 500, H: 2, G: 1, K: 8, V: 8)
    let inputs = size.inputs(documentStarts: [Reference.documentStarts([100, 300, 100], isContinued: true)])
    let (dOutput, dFinalState) = size.outputGradients()
    let expected = Reference.retentionBackward(inputs, .recurrent, dOutput: dOutput, dFinalState: dFinalState)
    for form in [ReferenceForm.parallel, .chunkwise(64), .chunkwise(7)] {
      let found = Reference.retentionBackward(inputs, form, dOutput: dOutput, dFinalState: dFinalState)
      expectClose(found, expected, "\(form)")
    }
  }

  private func expectClose(_ found: RetentionGradients, _ expected: RetentionGradients, _ name: String) {
    TestSupport.expectClose(found.dq, expected.dq, ratio: rounding, "dq, \(name)")
    TestSupport.expectClose(found.dk, expected.dk, ratio: rounding, "dk, \(name)")
    TestSupport.expectClose(found.dv, expected.dv, ratio: rounding, "dv, \(name)")
    TestSupport.expectClose(found.dInitialState, expected.dInitialState, ratio: rounding, "dInitialState, \(name)")
  }
}
