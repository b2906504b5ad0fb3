import EngineTestSupport
import Modeling
import Tensors
import TestSupport
import Testing

/// Loss and gradients of a training step with dropout.
@Suite struct DropoutGradientTests {
  // As in GradientTests.
  private let ratio = 1e-5
  private let pool = WorkerPool(threadCount: 2)
  private static let variants: [Variant?] = [
    nil, .layerNormAndBiases, .scaledEmbedding, .absOfSumOfGroups, .embeddingResidual, .embeddingResidualAndBiases,
  ]

  private func memory(_ size: ModelCase, _ recomputation: Recomputation = .none, on pool: WorkerPool) -> TrainingMemory
  {
    TrainingMemory(
      size.configuration, batch: size.B, time: size.T,
      form: size.isParallel ? .parallel : .chunkwise(chunkLength: size.C), recomputation: recomputation,
      hasDropout: true, workers: pool.threadCount)
  }

  /// Gradient and loss of the sequences of a batch, as bits.
  private func step(
    _ size: ModelCase, _ part: Range<Int>? = nil, recomputation: Recomputation = .none, rate: Double = 0.2,
    step: Int = 3, seed: Int = 5, on pool: WorkerPool
  ) -> (loss: Double, gradients: Parameters) {
    let part = part ?? 0..<size.B
    var own = size
    own.B = part.count
    let gradients = Parameters(size.configuration)
    let loss = size.models().model.addGradient(
      gradients, inputs: indices(Array(size.tokens()[part])), targets: indices(Array(size.targets()[part])),
      documentStarts: size.documentStarts.map { indices(Array($0[part])) }, scoredCount: scoredCount(size.targets()),
      dropout: Dropout(rate: rate, seed: seed, step: step, firstRow: part.lowerBound * size.T),
      memory: memory(own, recomputation, on: pool), on: pool)
    return (loss, gradients)
  }

  @Test(arguments: variants, [false, true])
  func lossAndEveryGradientEqualTheReference(variant: Variant?, isParallel: Bool) {
    for documents in [nil, [[3, 6], [1, 1, 7]]] {
      let size = ModelCase(H: 4, epsilon: 0.1, documents: documents, variant: variant, isParallel: isParallel)
      let (loss, gradients) = step(size, on: pool)
      let expected = size.models().reference.lossAndGradients(
        size.tokens(), targets: size.targets(), documentStarts: size.documentStarts,
        dropout: ReferenceDropout(rate: 0.2, seed: 5, step: 3, shape: [size.B, size.T, size.D]))
      expectClose([loss], [expected.loss], ratio: 1e-6, "loss, \(size)")
      expectGradients(gradients, expected.gradients, ratio: ratio, "\(size)")
    }
  }

  @Test(arguments: variants) func hasTheSameBitsForAnyThreadsAndIfBlocksAreComputedTwice(variant: Variant?) {
    let size = ModelCase(B: 2, T: 150, N: 40, D: 48, L: 2, H: 4, K: 8, V: 16, F: 64, C: 32, variant: variant)
    func bits(_ recomputation: Recomputation, _ threadCount: Int) -> [UInt64] {
      let (loss, gradients) = step(size, recomputation: recomputation, on: WorkerPool(threadCount: threadCount))
      return gradients.flat.bits.map(UInt64.init) + [loss.bitPattern]
    }
    let expected = bits(.none, 1)
    for threadCount in [1, 2, 3, 8] {
      #expect(bits(.none, threadCount) == expected)
      #expect(bits(.blocks, threadCount) == expected)
    }
  }

  @Test(arguments: variants) func partsOfABatchHaveTheMasksOfTheWhole(variant: Variant?) {
    let size = ModelCase(B: 4, T: 12, H: 4, epsilon: 0.1, variant: variant)
    let whole = step(size, on: pool)
    let parts = [0..<1, 1..<3, 3..<4].map { step(size, $0, on: pool) }
    // The same sums, cut elsewhere.
    expectClose([parts.reduce(0) { $0 + $1.loss }], [whole.loss], ratio: 1e-6, "loss")
    let sum = parts.dropFirst().reduce(parts[0].gradients.flat.reference) { $0 + $1.gradients.flat.reference }
    expectClose(sum, whole.gradients.flat.reference, ratio: ratio)
  }

  @Test func seedAndStepChooseTheMasks() {
    let size = ModelCase()
    let losses = [(3, 5), (3, 5), (4, 5), (3, 6)].map { step(size, step: $0, seed: $1, on: pool).loss }
    #expect(losses[0] == losses[1])
    #expect(Set(losses).count == 3)
  }

  @Test func memoryForDropoutChangesNothingWithoutIt() {
    let size = ModelCase()
    let results = [memory(size, on: pool), size.memory(pool)].map { memory in
      let gradients = Parameters(size.configuration)
      _ = size.models().model.addGradient(
        gradients, inputs: indices(size.tokens()), targets: indices(size.targets()), scoredCount: 10, memory: memory,
        on: pool)
      return gradients.flat.bits
    }
    #expect(results[0] == results[1])
  }

  @Test func itsMemoryIsForecast() {
    for variant in Self.variants {
      let size = ModelCase(B: 3, T: 70, N: 40, D: 48, L: 3, H: 4, K: 8, V: 16, F: 64, variant: variant)
      for recomputation in Recomputation.allCases {
        let forecast = TrainingMemory.size(
          size.configuration, batch: 3, time: 70, form: .chunkwise(chunkLength: 4), recomputation: recomputation,
          hasDropout: true, workers: 2)
        #expect(storedBytes(of: memory(size, recomputation, on: pool)) == forecast.total)
      }
    }
  }
}
