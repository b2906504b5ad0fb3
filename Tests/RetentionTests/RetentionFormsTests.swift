import EngineTestSupport
import Retention
import Tensors
import TestSupport
import Testing

/// The three forms against the recurrent one of the Float64 reference.
@Suite struct RetentionFormsTests {
  private let pool = WorkerPool(threadCount: 2)
  // Each number is a sum of at most T·K rounded products: a few roundings of 6e-8 in RMS.
  private let ratio = 1e-6

  @Test(arguments: 0...9) func equalTheReferenceForEveryChunkLengthAndDocumentLayout(T: Int) throws {
    for starts in [nil] + allDocumentStarts(T).map({ [$0] }) {
      try check(RetentionCase(T: T).inputs(documentStarts: starts), Form.all(T), "documents \(starts ?? [])")
    }
  }

  @Test(arguments: RetentionCase.batchesHeadsAndWidths)
  func equalTheReferenceForBatchesHeadsAndWidths(size: RetentionCase) throws {
    try check(size.inputs(), Form.all(size.T), "\(size)")
    try check(size.inputs(documentStarts: size.twoDocuments), Form.all(size.T), "\(size), documents")
  }

  @Test(arguments: [63, 500, 1000]) func equalTheReferenceForLargeRaggedSizes(T: Int) throws {
    let size = RetentionCase(B: 2, T: T, H: 2, G: 1, K: 8, V: 16)
    let starts = [
      Reference.documentStarts([T / 3, 1, T - 1 - T / 3], isContinued: true), Reference.documentStarts([T]),
    ]
    let forms: [Form] = [.recurrent, .parallel] + [1, 7, 64, 100, 128, T].map(Form.chunkwise)
    for documents in [nil, starts] { try check(size.inputs(documentStarts: documents), forms, "\(size)") }
  }

  @Test(arguments: 1...9) func aRunSplitAnywhereContinuesFromItsState(T: Int) throws {
    for (index, starts) in allDocumentStarts(T).enumerated() where T <= 5 || index % 13 == 0 {
      let inputs = RetentionCase(T: T, V: 2).inputs(documentStarts: [starts])
      let expected = Reference.retention(inputs, .recurrent)
      for split in 0...T {
        for (first, second) in [
          (Form.chunkwise(2), Form.recurrent), (.recurrent, .parallel), (.parallel, .chunkwise(3)),
          (.chunkwise(3), .chunkwise(2)),
        ] {
          let before = RetentionRun(inputs.part(0..<split))
          let o1 = before.output(first, on: pool)
          let after = RetentionRun(inputs.part(split..<T), state: before.state)
          let o2 = after.output(second, on: pool)
          let name = "\(first) \(split) \(second), documents \(starts)"
          try requireClose(o1.values + o2.values, expected.output, ratio: ratio, name)
          try requireClose(after.state.values, expected.finalState, ratio: ratio, "state, \(name)")
        }
      }
    }
  }

  @Test func noStepsLeaveTheStateAsItIs() {
    for form in Form.all(3) {
      let run = RetentionRun(RetentionCase(T: 0).inputs())
      let before = run.state.bits
      #expect(run.output(form, on: pool).values == [])
      #expect(run.state.bits == before, "\(form)")
    }
  }

  @Test func haveTheSameBitsForAnyNumberOfThreads() {
    let size = RetentionCase(B: 2, T: 150, H: 4, G: 2, K: 8, V: 12)
    let starts = [[100, 50], [1, 149]].map { Reference.documentStarts($0) }
    for form in [Form.recurrent, .parallel, .chunkwise(16), .chunkwise(64)] {
      let results = [1, 2, 3, 8].map { threadCount in
        let run = RetentionRun(size.inputs(documentStarts: starts))
        return run.output(form, on: WorkerPool(threadCount: threadCount)).bits.map(UInt64.init) + run.state.bits
      }
      #expect(results.allSatisfy { $0 == results[0] }, "\(form)")
    }
  }

  @Test(arguments: [Form.recurrent, .parallel, .chunkwise(1), .chunkwise(4), .chunkwise(9)])
  func aStepSeesNoLaterOneAndNoOtherDocument(form: Form) {
    let (T, starts) = (9, Reference.documentStarts([3, 4, 2], isContinued: true))
    let inputs = RetentionCase(T: T).inputs(documentStarts: [starts])
    let before = RetentionRun(inputs).output(form, on: pool).bits
    let width = before.count / T
    for changed in 0..<T {
      var other = inputs
      for i in 0..<other.k.shape[3] { other.k[0, changed, 0, i] += 1 }
      for i in 0..<other.v.shape[3] { other.v[0, changed, 0, i] = -other.v[0, changed, 0, i] }
      let after = RetentionRun(other).output(form, on: pool).bits
      for t in 0..<T {
        let isSame = before[t * width..<(t + 1) * width] == after[t * width..<(t + 1) * width]
        #expect(isSame == (t < changed || starts[t] != starts[changed]), "step \(t), changed \(changed)")
      }
    }
  }

  @Test(arguments: [Form.recurrent, .parallel, .chunkwise(4), .chunkwise(50)])
  func aDocumentIsTheSameWhateverStandsBeforeAndBehindIt(form: Form) {
    let starts = [Reference.documentStarts([37, 40, 23])]
    let size = RetentionCase(T: 100, K: 4, V: 8)
    let (one, two) = (size.inputs(seed: 1, documentStarts: starts), size.inputs(seed: 2, documentStarts: starts))
    func mixed(_ one: ReferenceTensor, _ two: ReferenceTensor) -> ReferenceTensor {
      two.slice(axis: 1, 0..<37).joined(one.slice(axis: 1, 37..<77), axis: 1)
        .joined(two.slice(axis: 1, 77..<100), axis: 1)
    }
    let other = RetentionInputs(
      q: mixed(one.q, two.q), k: mixed(one.k, two.k), v: mixed(one.v, two.v), logDecay: one.logDecay,
      initialState: two.initialState, documentStarts: starts)
    let rows = 37 * size.H * size.V..<77 * size.H * size.V
    #expect(
      RetentionRun(one).output(form, on: pool).bits[rows] == RetentionRun(other).output(form, on: pool).bits[rows])
  }

  @Test(arguments: [Form.recurrent, .parallel, .chunkwise(3)]) func sequencesOfABatchAreIndependent(form: Form) {
    let inputs = RetentionCase(B: 3, T: 7).inputs()
    let whole = RetentionRun(inputs).output(form, on: pool).bits
    for b in 0..<3 {
      func one(_ x: ReferenceTensor) -> ReferenceTensor { x.slice(axis: 0, b..<b + 1) }
      let alone = RetentionRun(
        RetentionInputs(
          q: one(inputs.q), k: one(inputs.k), v: one(inputs.v), logDecay: inputs.logDecay,
          initialState: one(inputs.initialState)))
      let size = whole.count / 3
      // The scales of the initial states differ, so the numbers agree up to rounding.
      expectClose(
        alone.output(form, on: pool).values, whole[b * size..<(b + 1) * size].map { Double(Float(bitPattern: $0)) },
        ratio: ratio)
    }
  }

  @Test(arguments: [Form.recurrent, .parallel, .chunkwise(4)]) func isLinearInTheValuesAndTheState(form: Form) {
    let size = RetentionCase(B: 2, T: 9)
    let (one, two) = (size.inputs(seed: 1), size.inputs(seed: 2))
    var (a, b, sum) = (one, one, one)
    (a.initialState, b.v) = (ReferenceTensor(one.initialState.shape), two.v)
    sum.v = (one.v + two.v).rounded
    func result(_ inputs: RetentionInputs) -> (o: ReferenceTensor, state: ReferenceTensor) {
      let run = RetentionRun(inputs)
      return (run.output(form, on: pool).reference, run.state.reference)
    }
    let (first, second, whole) = (result(a), result(b), result(sum))
    // Rounding of three runs, one of them of a sum.
    expectClose(first.o + second.o, whole.o, ratio: 2 * ratio, "output")
    expectClose(first.state + second.state, whole.state, ratio: 2 * ratio, "state")
  }

  private func check(_ inputs: RetentionInputs, _ forms: [Form], _ name: String) throws {
    let expected = Reference.retention(inputs, .recurrent)
    for form in forms {
      let run = RetentionRun(inputs)
      let output = run.output(form, on: pool)
      try requireClose(output.values, expected.output, ratio: ratio, "output, \(form), \(name)")
      try requireClose(run.state.values, expected.finalState, ratio: ratio, "state, \(form), \(name)")
      try #require(run.state.scales.values.allSatisfy { $0 >= 0.5 && $0 <= 1 }, "scales, \(form), \(name)")
    }
  }
}
