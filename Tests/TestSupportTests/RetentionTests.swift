import TestSupport
import Testing

@Suite struct RetentionTests {
  // Float64 rounding; the worst ratio seen is 3e-15, at T = 1000.
  private let rounding = 1e-12

  @Test(arguments: 0...9) func formsAgreeForEveryChunkLengthAndDocumentLayout(T: Int) {
    for starts in allDocumentStarts(T) {
      let inputs = RetentionCase(T: T).inputs(documentStarts: [starts])
      let expected = Reference.retention(inputs, .parallel)
      for form in [.recurrent] + (1...T + 2).map(ReferenceForm.chunkwise) {
        let found = Reference.retention(inputs, form)
        expectClose(found.output, expected.output, ratio: rounding, "\(form) output, documents \(starts)")
        expectClose(found.finalState, expected.finalState, ratio: rounding, "\(form) state, documents \(starts)")
      }
    }
  }

  @Test(arguments: 0...9) func aRunSplitAnywhereContinuesFromItsState(T: Int) {
    for starts in allDocumentStarts(T) {
      let inputs = RetentionCase(T: T).inputs(documentStarts: [starts])
      for form in [ReferenceForm.parallel, .recurrent, .chunkwise(3)] {
        let whole = Reference.retention(inputs, form)
        for split in 0...T {
          let first = Reference.retention(inputs.part(0..<split, from: inputs.initialState), form)
          let second = Reference.retention(inputs.part(split..<T, from: first.finalState), form)
          let output = first.output.joined(second.output, axis: 1)
          expectClose(output, whole.output, ratio: rounding, "\(form) split at \(split), documents \(starts)")
          expectClose(second.finalState, whole.finalState, ratio: rounding, "\(form) state, split at \(split)")
        }
      }
    }
  }

  @Test(arguments: [
    RetentionCase(B: 2, T: 63, H: 4, G: 4, K: 5, V: 3), RetentionCase(B: 1, T: 500, H: 4, G: 2, K: 4, V: 8),
    RetentionCase(B: 1, T: 1000, H: 2, G: 2, K: 16, V: 16),
  ]) func formsAgreeOnLargeRaggedSizes(size: RetentionCase) {
    let lengths = [size.T / 3, 1, size.T - size.T / 3 - 1]
    let inputs = size.inputs(
      documentStarts: (0..<size.B).map { Reference.documentStarts(lengths, isContinued: $0 == 0) })
    let expected = Reference.retention(inputs, .recurrent)
    for form in [ReferenceForm.parallel, .chunkwise(7), .chunkwise(64)] {
      let found = Reference.retention(inputs, form)
      expectClose(found.output, expected.output, ratio: rounding, "\(form) output")
      expectClose(found.finalState, expected.finalState, ratio: rounding, "\(form) state")
    }
  }

  @Test func noDocumentsIsOneContinuedDocument() {
    let size = RetentionCase(B: 2, T: 5)
    let starts = [[Int]](repeating: Reference.documentStarts([5], isContinued: true), count: 2)
    let found = Reference.retention(size.inputs(), .parallel)
    let expected = Reference.retention(size.inputs(documentStarts: starts), .parallel)
    #expect(found.output == expected.output && found.finalState == expected.finalState)
  }

  @Test(arguments: [ReferenceForm.parallel, .recurrent, .chunkwise(2), .chunkwise(4)])
  func packedDocumentsEqualDocumentsAlone(form: ReferenceForm) {
    let starts = Reference.documentStarts([4, 1, 3], isContinued: true)
    let inputs = RetentionCase(T: 8).inputs(documentStarts: [starts])
    let packed = Reference.retention(inputs, form)
    var empty = inputs.initialState
    for range in [0..<4, 4..<5, 5..<8] {
      let alone = Reference.retention(inputs.part(range, from: empty), form)
      expectClose(packed.output.slice(axis: 1, range), alone.output, ratio: rounding, "document \(range)")
      if range.upperBound == 8 { expectClose(packed.finalState, alone.finalState, ratio: rounding, "state") }
      empty = ReferenceTensor(empty.shape)
    }
  }

  @Test(arguments: [ReferenceForm.parallel, .recurrent, .chunkwise(3)])
  func aStepChangesNothingBeforeItAndNoOtherDocument(form: ReferenceForm) {
    let starts = Reference.documentStarts([2, 4, 3])
    let inputs = RetentionCase(T: 9).inputs(documentStarts: [starts])
    let before = Reference.retention(inputs, form).output
    for changed in 0..<9 {
      var other = inputs
      for h in 0..<2 { other.q[0, changed, h, 0] += 1 }
      other.k[0, changed, 0, 1] -= 2
      other.v[0, changed, 0, 2] += 3
      let after = Reference.retention(other, form).output
      for t in 0..<9 {
        let isSame = before.slice(axis: 1, t..<t + 1) == after.slice(axis: 1, t..<t + 1)
        #expect(isSame == (t < changed || starts[t] != starts[changed]), "step \(t), changed \(changed)")
      }
    }
  }

  @Test func groupedHeadsEqualRepeatedKeysAndValues() {
    let inputs = RetentionCase(B: 2, T: 6, H: 4, G: 2).inputs()
    var repeated = inputs
    let heads = [0, 0, 1, 1].map { h in
      (inputs.k.slice(axis: 2, h..<h + 1), inputs.v.slice(axis: 2, h..<h + 1))
    }
    repeated.k = heads.dropFirst().reduce(heads[0].0) { $0.joined($1.0, axis: 2) }
    repeated.v = heads.dropFirst().reduce(heads[0].1) { $0.joined($1.1, axis: 2) }
    let (found, expected) = (Reference.retention(inputs, .parallel), Reference.retention(repeated, .parallel))
    #expect(found.output == expected.output && found.finalState == expected.finalState)
  }

  @Test func sequencesOfABatchAreIndependent() {
    let inputs = RetentionCase(B: 3, T: 5).inputs()
    let together = Reference.retention(inputs, .recurrent)
    for b in 0..<3 {
      func own(_ x: ReferenceTensor) -> ReferenceTensor { x.slice(axis: 0, b..<b + 1) }
      let alone = Reference.retention(
        RetentionInputs(
          q: own(inputs.q), k: own(inputs.k), v: own(inputs.v), logDecay: inputs.logDecay,
          initialState: own(inputs.initialState)), .recurrent)
      #expect(alone.output == own(together.output) && alone.finalState == own(together.finalState))
    }
  }

  @Test(arguments: [ReferenceForm.parallel, .recurrent, .chunkwise(3)])
  func isLinearInValuesAndStateTogether(form: ReferenceForm) {
    let (first, other) = (RetentionCase(T: 7).inputs(seed: 3), RetentionCase(T: 7).inputs(seed: 4))
    var (second, sum) = (first, first)
    (second.v, second.initialState) = (other.v, other.initialState)
    sum.v = first.v + 2 * other.v
    sum.initialState = first.initialState + 2 * other.initialState
    let (a, b) = (Reference.retention(first, form), Reference.retention(second, form))
    let found = Reference.retention(sum, form)
    expectClose(found.output, a.output + 2 * b.output, ratio: rounding, "output")
    expectClose(found.finalState, a.finalState + 2 * b.finalState, ratio: rounding, "state")
  }

  @Test(arguments: [ReferenceForm.parallel, .recurrent, .chunkwise(2)])
  func decayLimitsAreTheOwnStepAndThePlainSum(form: ReferenceForm) {
    let ones = ReferenceTensor([1, 4, 2, 1], repeating: 1)
    let v = ReferenceTensor([1, 4, 2, 1], [1, 1, 2, 2, 3, 3, 4, 4])
    let inputs = RetentionInputs(
      q: ones, k: ones, v: v, logDecay: [-Double.infinity, 0],
      initialState: ReferenceTensor([1, 2, 1, 1], repeating: 10))
    let result = Reference.retention(inputs, form)
    #expect(result.output.values == [1, 11, 2, 13, 3, 16, 4, 20])
    #expect(result.finalState.values == [4, 20])
  }
}
