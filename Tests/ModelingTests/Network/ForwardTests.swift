import EngineTestSupport
import Modeling
import Retention
import Tensors
import TestSupport
import Testing

@Suite struct ForwardTests {
  // A chain of some fifty Float32 operations of 6e-8 each; the worst ratio seen is 1e-6.
  private let ratio = 3e-6
  private let pool = WorkerPool(threadCount: 2)
  private static let forms: [RetentionForm] = [
    .parallel, .recurrent, .chunkwise(chunkLength: 1), .chunkwise(chunkLength: 4), .chunkwise(chunkLength: 100),
  ]

  @Test(arguments: [
    ModelCase(), ModelCase(isTied: true), ModelCase(B: 3, T: 20, H: 1, K: 2, V: 8), ModelCase(B: 1, T: 1),
    ModelCase(B: 1, T: 90, N: 40, D: 32, L: 3, H: 4, K: 8, V: 16, F: 40),
  ]) func logitsAndStatesEqualTheReferenceInEveryForm(size: ModelCase) {
    expectReference(size, Self.forms)
  }

  @Test(arguments: Variant.allCases) func logitsAndStatesEqualTheReferenceInEveryVariant(variant: Variant) {
    let forms = variant.isExactInEveryForm ? Self.forms : [.parallel]
    expectReference(ModelCase(H: 4, variant: variant), forms)
    expectReference(ModelCase(B: 1, T: 90, N: 40, D: 32, L: 2, H: 4, K: 8, V: 16, F: 40, variant: variant), forms)
  }

  @Test(arguments: forms, [nil] + Variant.allCases.filter(\.isExactInEveryForm).map(Optional.some))
  func aRunCutAnywhereContinuesFromItsState(form: RetentionForm, variant: Variant?) {
    let size = ModelCase(B: 2, T: 12, H: variant == nil ? 2 : 4, variant: variant)
    let (model, reference) = size.models()
    let tokens = size.tokens()
    let expected = reference.forward(tokens).logits
    for cuts in [[1], [5], [11], [3, 4], [4, 8], [1, 2, 3, 7], Array(1..<12)] {
      let run = Run(model, size, form, on: pool)
      var parts: [ReferenceTensor] = []
      for (start, end) in zip([0] + cuts, cuts + [12]) {
        parts.append(run.logits(tokens.map { Array($0[start..<end]) }))
      }
      let found = parts.dropFirst().reduce(parts[0]) { $0.joined($1, axis: 1) }
      expectClose(found, expected, ratio: ratio, "cut at \(cuts)")
    }
  }

  @Test func aMemoryForAnyFormTakesSingleTokens() {
    let size = ModelCase(B: 2, T: 8)
    let (model, reference) = size.models()
    let tokens = size.tokens()
    let expected = reference.forward(tokens).logits
    for form in Self.forms {
      let run = Run(model, size, form, on: pool)
      var found = run.logits(tokens.map { Array($0[..<5]) })
      for t in 5..<8 { found = found.joined(run.logits(tokens.map { [$0[t]] }, as: .recurrent), axis: 1) }
      expectClose(found, expected, ratio: ratio, "\(form)")
    }
  }

  @Test(arguments: forms, [nil] + Variant.allCases.map(Optional.some))
  func hasTheSameBitsForAnyNumberOfThreads(form: RetentionForm, variant: Variant?) {
    let size = ModelCase(B: 2, T: 150, N: 40, D: 48, L: 2, H: 4, K: 8, V: 16, F: 64, variant: variant)
    let model = size.models().model
    let results = [1, 2, 3, 8].map { threadCount in
      Run(model, size, form, on: WorkerPool(threadCount: threadCount)).logits(size.tokens())
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }

  @Test(arguments: [nil, Variant.attention, .attentionWithWindow, .linearAttention, .hybrid])
  func decodingASequenceHasTheSameBitsInAnyBatch(variant: Variant?) {
    let size = ModelCase(B: 5, T: 6, D: 32, H: 2, K: 8, V: 16, F: 48, variant: variant)
    let model = size.models().model
    let tokens = size.tokens()
    func logits(_ sequences: Range<Int>) -> ReferenceTensor {
      var part = size
      part.B = sequences.count
      let run = Run(model, part, .recurrent, on: pool)
      let steps = (0..<size.T).map { t in run.logits(tokens[sequences].map { [$0[t]] }) }
      return steps.dropFirst().reduce(steps[0]) { $0.joined($1, axis: 1) }
    }
    let whole = logits(0..<5)
    for b in 0..<5 { #expect(logits(b..<b + 1) == whole.slice(axis: 0, b..<b + 1)) }
  }

  @Test(arguments: [nil] + Variant.allCases.map(Optional.some)) func nothingOfAnEarlierRunIsRead(variant: Variant?) {
    let size = ModelCase(H: 4, variant: variant)
    let (model, spoiler) = (size.models().model, LanguageModel(size.configuration, Parameters(size.configuration)))
    spoiler.parameters.flat.fill(.nan)
    for form in Self.forms {
      let run = Run(spoiler, size, form, on: pool)
      _ = run.logits(size.tokens(seed: 9))
      run.model = model
      run.state.clear(on: pool)
      #expect(run.state.position == 0)
      #expect(run.logits(size.tokens()) == Run(model, size, form, on: pool).logits(size.tokens()), "\(form)")
    }
  }

  @Test(arguments: [nil, Variant.absOfSum, .attention, .attentionWithWindow, .hybrid])
  func aCopiedStateGoesItsOwnWay(variant: Variant?) {
    let size = ModelCase(B: 1, T: 6, D: 12, variant: variant)
    let model = size.models().model
    let tokens = size.tokens()
    let (one, two) = (Run(model, size, .recurrent, on: pool), Run(model, size, .recurrent, on: pool))
    _ = one.logits(tokens.map { Array($0[..<3]) })
    two.state.copy(one.state, on: pool)
    let first = one.logits(tokens.map { Array($0[3...]) })
    #expect(two.state.position == 3)
    #expect(two.logits(tokens.map { Array($0[3...]) }) == first)
  }

  private func expectReference(_ size: ModelCase, _ forms: [RetentionForm]) {
    let (model, reference) = size.models()
    let expected = reference.forward(size.tokens())
    for form in forms {
      let run = Run(model, size, form, on: pool)
      expectClose(
        run.logits(size.tokens()).values, expected.logits.values, ratio: ratio, "logits, \(form)")
      for (layer, block) in expected.blocks.enumerated() where block.type == .retention {
        expectClose(
          run.state.layers[layer].retention.values, block.finalState.values, ratio: ratio, "state \(layer), \(form)")
      }
      #expect(run.state.position == size.T)
    }
  }
}

/// A model at work: its state and memory.
private final class Run {
  var model: LanguageModel
  var state: ModelState
  private let form: RetentionForm
  private let memory: InferenceMemory
  private let pool: WorkerPool

  init(_ model: LanguageModel, _ size: ModelCase, _ form: RetentionForm, on pool: WorkerPool) {
    (self.model, self.form, self.pool) = (model, form, pool)
    state = ModelState(model.configuration, batch: size.B)
    memory = InferenceMemory(
      model.configuration, form: form, batch: size.B, time: size.T, workers: pool.threadCount)
  }

  /// Reads on; [B, T, N].
  func logits(_ tokens: [[Int]], as form: RetentionForm? = nil) -> ReferenceTensor {
    let normed = model.forward(
      indices(tokens), batch: tokens.count, form: form ?? self.form, state: &state, memory: memory, on: pool)
    let logits = Tensor.poison(Shape(normed.shape[0], model.configuration.vocabularySize))
    model.computeLogits(logits, normed, on: pool)
    return logits.reference.reshaped([tokens.count, tokens[0].count, model.configuration.vocabularySize])
  }
}
