import EngineTestSupport
import Retention
import Tensors
import TestSupport
import Testing

/// 1 / c of each row and head against the reference, which takes the whole row's scores.
@Suite struct ScoreNormTests {
  private let pool = WorkerPool(threadCount: 2)
  // A sum of at most T·K rounded products, its root and its inverse.
  private let ratio = 1e-6

  @Test(arguments: 1...9, [ScoreNorm.rowDecay, .absOfSum])
  func equalsTheReferenceInEveryFormForEveryDocumentLayout(T: Int, norm: ScoreNorm) throws {
    for starts in [nil] + allDocumentStarts(T).map({ [$0] }) {
      let inputs = emptied(RetentionCase(T: T).inputs(documentStarts: starts))
      let expected = Reference.scoreNormFactors(inputs, norm.reference)
      for form in Form.all(T) {
        let found = factors(inputs, norm, form, ScoreNormState(inputs.shape))
        try requireClose(found, expected, ratio: ratio, "\(norm), \(form), documents \(starts ?? [])")
      }
    }
  }

  @Test(arguments: 1...7, [ScoreNorm.rowDecay, .absOfSum])
  func aRunSplitAnywhereContinuesFromItsState(T: Int, norm: ScoreNorm) throws {
    let size = RetentionCase(B: 2, T: T, H: 4, G: 2)
    for starts in [nil] + allDocumentStarts(T).map({ [$0, Array(repeating: -1, count: T)] }) {
      let inputs = emptied(size.inputs(documentStarts: starts))
      let expected = Reference.scoreNormFactors(inputs, norm.reference)
      for split in 0...T {
        for (first, second) in [
          (Form.chunkwise(2), Form.recurrent), (.recurrent, .parallel), (.parallel, .chunkwise(3)),
        ] {
          let state = ScoreNormState(inputs.shape)
          let parts = [(0..<split, first), (split..<T, second)].map { range, form in
            ReferenceTensor([2, range.count, 4], floats: factors(inputs.part(range), norm, form, state))
          }
          try requireClose(
            parts[0].joined(parts[1], axis: 1).values, expected, ratio: ratio,
            "\(norm), \(first) \(split) \(second), documents \(starts ?? [])")
        }
      }
    }
  }

  @Test(arguments: [1, 2, 9, 63, 64, 65, 500]) func theSumOfAbsoluteScoresIsThatOfTheParallelForm(T: Int) throws {
    let size = RetentionCase(B: 2, T: T, H: 4, G: 2, K: 4)
    let cut = [T / 3, T - T / 3].filter { $0 > 0 }
    for starts in [nil, [Reference.documentStarts(cut), Reference.documentStarts([T])]] {
      let inputs = emptied(size.inputs(documentStarts: starts))
      let factors = Tensor.poison(Shape(2 * T * 4))
      scoreNormFactors(
        factors, norm: .sumOfAbs, shape: inputs.shape, decay: Decay(logarithms: inputs.logDecay),
        state: ScoreNormState(inputs.shape), documentStarts: inputs.documents,
        scoreSums: RetentionRun(inputs).absoluteSums(on: pool))
      try requireClose(
        factors.values, Reference.scoreNormFactors(inputs, .sumOfAbs), ratio: ratio, "documents \(starts ?? [])")
    }
  }

  /// The cap of torchscale.
  @Test func theSumOfAbsoluteScoresEndsAtFiftyThousand() {
    let shape = RetentionShape(batch: 1, time: 2, heads: 1, keyWidth: 2, valueWidth: 1)
    let factors = Tensor(Shape(2))
    scoreNormFactors(
      factors, norm: .sumOfAbs, shape: shape, decay: Decay(.none, heads: 1), state: ScoreNormState(shape),
      documentStarts: nil, scoreSums: Tensor(Shape(2, 1), [1e6, 1e7]))
    expectClose(factors.values, [1 / 5e4, 1 / (2.0.squareRoot() * 5e4)], ratio: 1e-7)
  }

  @Test func slowHeadsCountEveryToken() throws {
    let size = RetentionCase(T: 500, H: 3, logDecay: [0, -1e-9, -.infinity])
    let inputs = emptied(size.inputs())
    for norm in [ScoreNorm.rowDecay, .absOfSum] {
      let expected = Reference.scoreNormFactors(inputs, norm.reference)
      for form in [Form.recurrent, .chunkwise(100), .parallel] {
        let found = factors(inputs, norm, form, ScoreNormState(inputs.shape))
        // Five hundred rounded additions.
        try requireClose(found, expected, ratio: 1e-5, "\(norm), \(form)")
      }
    }
  }

  @Test func aClearedOrCopiedStateIsThatState() {
    let inputs = emptied(RetentionCase(T: 8).inputs())
    let (first, second) = (inputs.part(0..<5), inputs.part(5..<8))
    let (one, two) = (ScoreNormState(inputs.shape), ScoreNormState(inputs.shape))
    let start = factors(first, .absOfSum, .recurrent, one)
    two.copy(one, on: pool)
    let rest = factors(second, .absOfSum, .recurrent, one)
    #expect(factors(second, .absOfSum, .recurrent, two) == rest)
    one.clear(on: pool)
    #expect(factors(first, .absOfSum, .recurrent, one) == start)
  }

  /// Nothing before the sequence, as a score norm has no state but its own.
  private func emptied(_ inputs: RetentionInputs) -> RetentionInputs {
    var result = inputs
    result.initialState = ReferenceTensor(inputs.initialState.shape)
    return result
  }

  private func factors(
    _ inputs: RetentionInputs, _ norm: ScoreNorm, _ form: Form, _ state: ScoreNormState
  ) -> [Float] {
    let (B, T, H, _) = inputs.q.shape4
    var sums: Tensor?
    if norm == .absOfSum {
      // The retention of ones.
      let ones = RetentionInputs(
        q: inputs.q, k: inputs.k, v: ReferenceTensor([B, T, inputs.k.shape[2], 1], repeating: 1),
        logDecay: inputs.logDecay, documentStarts: inputs.documentStarts)
      sums = RetentionRun(ones, state: state.keySums).output(form, on: pool)
    }
    let factors = Tensor.poison(Shape(B * T * H))
    scoreNormFactors(
      factors, norm: norm, shape: inputs.shape, decay: Decay(logarithms: inputs.logDecay), state: state,
      documentStarts: inputs.documents, scoreSums: sums)
    return factors.values
  }
}

extension ScoreNorm {
  fileprivate var reference: ReferenceScoreNorm {
    switch self {
    case .none: .none
    case .rowDecay: .rowDecay
    case .absOfSum: .absOfSum
    case .sumOfAbs: .sumOfAbs
    }
  }
}
