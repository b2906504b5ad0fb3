import EngineTestSupport
import Modeling
import Retention
import Tensors
import TestSupport
import Testing

/// The state of attention: rows that copies share, a window that bounds it, and half precision.
@Suite struct KeyValueCacheTests {
  private let pool = WorkerPool(threadCount: 2)

  private func size(_ T: Int, variant: Variant = .attention) -> ModelCase {
    ModelCase(B: 1, T: T, N: 20, D: 16, L: 2, H: 2, K: 8, V: 8, F: 20, variant: variant)
  }

  /// The logits of some tokens of one sequence.
  private func logits(
    _ model: LanguageModel, _ tokens: ArraySlice<Int>, form: RetentionForm, _ state: inout ModelState
  ) -> [Float] {
    let memory = InferenceMemory(
      model.configuration, form: form, batch: 1, time: tokens.count, workers: pool.threadCount)
    let normed = model.forward(
      Indices(tokens.map(Int32.init)), batch: 1, form: form, state: &state, memory: memory, on: pool)
    let found = Tensor(Shape(tokens.count, model.configuration.vocabularySize))
    model.computeLogits(found, normed, on: pool)
    return found.values
  }

  @Test func copiesOfAPlaceDoNotFeelEachOther() {
    let size = size(200)
    let model = size.models().model
    let tokens = size.tokens()[0]
    var trunk = ModelState(model.configuration, batch: 1)
    _ = logits(model, tokens[..<70], form: .parallel, &trunk)
    // Two branches from the same place, read in turns, and the place itself afterwards.
    var branches = (0..<2).map { _ in
      var copy = trunk.emptyCopy
      copy.copy(trunk, on: pool)
      return copy
    }
    var found: [[Float]] = [[], []]
    for step in stride(from: 70, to: 120, by: 10) {
      for branch in 0..<2 {
        let part = (step..<step + 10).map { (tokens[$0] + 3 * branch) % 20 }
        found[branch] += logits(model, part[...], form: .recurrent, &branches[branch])
      }
    }
    for branch in 0..<2 {
      var alone = ModelState(model.configuration, batch: 1)
      _ = logits(model, tokens[..<70], form: .parallel, &alone)
      var expected: [Float] = []
      for step in stride(from: 70, to: 120, by: 10) {
        let part = (step..<step + 10).map { (tokens[$0] + 3 * branch) % 20 }
        expected += logits(model, part[...], form: .recurrent, &alone)
      }
      #expect(expected == found[branch], "branch \(branch)")
      #expect(alone.layers.map(\.values) == branches[branch].layers.map(\.values))
    }
    // The first branch may have written behind the trunk's rows; the trunk goes on from its own place.
    var again = ModelState(model.configuration, batch: 1)
    _ = logits(model, tokens[..<70], form: .parallel, &again)
    #expect(
      logits(model, tokens[70...], form: .recurrent, &trunk) == logits(model, tokens[70...], form: .recurrent, &again))
  }

  @Test func copiesShareTheirRows() {
    let size = size(64)
    let model = size.models().model
    var state = ModelState(model.configuration, batch: 1)
    _ = logits(model, size.tokens()[0][...], form: .parallel, &state)
    var copy = state.emptyCopy
    #expect(copy.byteCount == 0)
    copy.copy(state, on: pool)
    // Two layers of 64 rows of 2 × 12 keys and as many values, and the room for as many more.
    #expect(state.byteCount == 2 * 128 * 2 * 12 * 4 && copy.byteCount == state.byteCount)
    copy.clear(on: pool)
    #expect(logits(model, size.tokens()[0][...], form: .parallel, &copy).count == 64 * 20)
  }

  @Test func aWindowBoundsTheCache() {
    let size = size(1_500, variant: .attentionWithWindow)
    var configuration = size.configuration
    configuration.attention.window = 100
    let parameters = size.models().model.parameters
    let model = LanguageModel(configuration, parameters)
    let tokens = size.tokens()[0]
    var whole = ModelState(configuration, batch: 1)
    let expected = logits(model, tokens[...], form: .parallel, &whole)
    for (form, step) in [(.recurrent, 50), (.chunkwise(chunkLength: 50), 50), (.parallel, 300)]
      as [(RetentionForm, Int)]
    {
      var state = ModelState(configuration, batch: 1)
      var found: [Float] = []
      for start in stride(from: 0, to: 1_500, by: step) {
        found += logits(model, tokens[start..<start + step], form: form, &state)
      }
      expectClose(found, expected.map { Double($0) }, ratio: 1e-6, "\(form)")
      // At most the window, a tile that is not dropped whole, a call, and the room for more.
      #expect(
        state.byteCount <= 2 * 1_024 * 2 * configuration.attention.keyHeads * configuration.attention.headWidth * 4)
    }
  }

  @Test func aHalvedCacheIsNearAndTakesHalf() {
    let size = size(90)
    let (model, reference) = size.models()
    var configuration = size.configuration
    configuration.attention.cacheFormat = .bfloat16
    let half = LanguageModel(configuration, model.parameters)
    let tokens = size.tokens()
    let expected = reference.forward(tokens).logits.values
    for form in [.recurrent, .parallel, .chunkwise(chunkLength: 16)] as [RetentionForm] {
      var (state, exact) = (ModelState(configuration, batch: 1), ModelState(size.configuration, batch: 1))
      let found = logits(half, tokens[0][...], form: form, &state)
      // Rounding of eight bits in keys and values; the worst ratio seen is 3e-3.
      expectClose(found, expected, ratio: 1e-2, "\(form)")
      #expect(rmsRatio(found.map { Double($0) }, expected) > 1e-5)
      _ = logits(model, tokens[0][...], form: form, &exact)
      #expect(2 * state.byteCount == exact.byteCount)
    }
  }
}
