import EngineTestSupport
import Inference
import Tensors
import Testing

/// A token costs no allocation once a generator is warm: the smallest models are bound by what is not arithmetic.
@Suite(countsAllocations) struct GenerationAllocationTests {
  /// How tokens are chosen, by name.
  struct Choice: CustomTestStringConvertible {
    let testDescription: String
    let options: SamplingOptions

    init(_ name: String, _ change: (inout SamplingOptions) -> Void) {
      var options = SamplingOptions()
      change(&options)
      (testDescription, self.options) = (name, options)
    }
  }

  private static let choices = [
    Choice("default") { _ in }, Choice("greedy") { $0.temperature = 0 },
    Choice("every cut") { ($0.typical, $0.topP, $0.minP, $0.temperature) = (0.9, 0.9, 0.01, 1.5) },
    Choice("penalties and biases") {
      ($0.penalties.repetition, $0.penalties.frequency, $0.penalties.lastCount) = (1.3, 0.2, 20)
      $0.bias = [3: 1.5, 7: -.infinity]
    },
  ]

  private func generator(on pool: WorkerPool) -> Generator {
    let model = TinyModel(vocabularySize: 300, width: 64, layers: 2, heads: 4)
    var generator = Generator(model.network, chunkLength: 8, on: pool)
    generator.read(model.tokens(21))
    return generator
  }

  @Test(arguments: [1, 2], choices)
  func aTokenChosenAndReadAllocatesNothing(threadCount: Int, choice: Choice) {
    let pool = WorkerPool(threadCount: threadCount)
    var generator = generator(on: pool)
    var sampler = Sampler(choice.options, seed: 1)
    expectNoAllocation(on: pool) {
      for _ in 0..<100 { _ = generator.next(&sampler) }
    }
  }

  @Test func norDoesOneThatCanBeUndone() {
    let pool = WorkerPool(threadCount: 1)
    var generator = generator(on: pool)
    generator.keepHistory(window: 16)
    var sampler = Sampler(SamplingOptions(), seed: 1)
    expectNoAllocation(on: pool) {
      for _ in 0..<100 { _ = generator.next(&sampler) }
    }
  }

  /// Sorting all tokens takes the sort's own buffers: one to merge into, and a stack of runs that doubles (four in all
  /// for these 300 tokens), whatever the length of the text.
  @Test func choosingAmongAllTokensAllocatesWhatTheirSortDoes() {
    let pool = WorkerPool(threadCount: 1)
    var generator = generator(on: pool)
    var options = SamplingOptions()
    options.topK = 0
    var sampler = Sampler(options, seed: 1)
    let body = { for _ in 0..<100 { _ = generator.next(&sampler) } }
    body()
    #expect(allocations(on: pool, of: body) <= 8 * 100)
  }
}
