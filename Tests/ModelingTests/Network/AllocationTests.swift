import EngineTestSupport
import Modeling
import Tensors
import Testing

/// The hot loops allocate nothing once warm, on no thread of the pool.
@Suite(countsAllocations) struct AllocationTests {
  @Test(
    arguments: [1, 2],
    [
      nil, (Variant.layerNormAndBiases, false), (.absOfSumOfGroups, false), (.scaledEmbedding, true), (.sumOfAbs, true),
      (.embeddingResidual, false), (.embeddingResidualAndBiases, true),
    ])
  func aWarmTrainingStepAllocatesNothing(threadCount: Int, kind: (variant: Variant, isParallel: Bool)?) {
    let size = ModelCase(
      B: 2, T: 150, N: 40, D: 48, L: 2, H: 4, K: 8, V: 16, F: 64, C: 32, variant: kind?.variant,
      isParallel: kind?.isParallel ?? false)
    let (pool, model, gradients) = (
      WorkerPool(threadCount: threadCount, clock: threadCount == 2 ? StepClock() : nil), size.models().model,
      Parameters(size.configuration)
    )
    let memory = size.memory(pool)
    let (inputs, targets) = (indices(size.tokens()), indices(size.targets()))
    let layouts = [nil, Indices((0..<300).map { $0 % 150 < 70 ? 0 : 70 })]
    let (first, second) = (Tensor(gradients.flat.shape), Tensor(gradients.flat.shape))
    let squares = DoubleBuffer(count: gradients.flat.sumBlockCount)
    expectNoAllocation(on: pool) {
      gradients.flat.clear(on: pool)
      for documents in layouts {
        _ = model.addGradient(
          gradients, inputs: inputs, targets: targets, documentStarts: documents, scoredCount: 200, memory: memory,
          on: pool)
      }
      let norm = gradients.flat.sumOfSquares(scratch: squares, on: pool)
      updateAdamW(
        model.parameters.flat, firstMoment: first, secondMoment: second, gradient: gradients.flat,
        AdamWConstants(
          gradientScale: Float(min(1, 1 / norm)), learningRate: 1e-3, beta1: 0.9, beta2: 0.98, epsilon: 1e-8,
          weightDecay: 0.1, step: 1),
        on: pool)
    }
  }

  @Test(
    arguments: [RetentionForm.recurrent, .parallel, .chunkwise(chunkLength: 16)],
    [
      nil, Variant.layerNormAndBiases, .absOfSumOfGroups, .scaledEmbedding, .embeddingResidual,
    ])
  func aWarmForwardAllocatesNothing(form: RetentionForm, variant: Variant?) {
    for threadCount in [1, 2] { expectNoAllocationForward(threadCount, form, variant) }
  }

  private func expectNoAllocationForward(_ threadCount: Int, _ form: RetentionForm, _ variant: Variant?) {
    let size = ModelCase(B: 1, T: 70, N: 40, D: 48, L: 2, H: 4, K: 8, V: 16, F: 64, variant: variant)
    expectAllocationFreeForward(form, size, size.models().model, on: WorkerPool(threadCount: threadCount))
  }

  @Test(arguments: [1, 2], WeightFormat.allCases)
  func aWarmForwardAllocatesNothingWithWeightsOfAnyFormat(threadCount: Int, format: WeightFormat) {
    let size = ModelCase(B: 1, T: 70, N: 600, D: 64, L: 2, H: 2, K: 16, V: 32, F: 320)
    let pool = WorkerPool(threadCount: threadCount)
    let model = LanguageModel(
      size.configuration, .random(size.configuration, format: { _ in format }, seed: 3, on: pool))
    expectAllocationFreeForward(.chunkwise(chunkLength: 16), size, model, on: pool)
  }

  /// A prompt by the form, one more token by the recurrent one, and the state emptied again.
  private func expectAllocationFreeForward(
    _ form: RetentionForm, _ size: ModelCase, _ model: LanguageModel, on pool: WorkerPool
  ) {
    let memory = InferenceMemory(
      size.configuration, form: form, batch: 1, time: size.T, workers: pool.threadCount)
    var state = ModelState(size.configuration, batch: 1)
    let (ids, logits) = (indices(size.tokens()), Tensor(Shape(size.T, size.N)))
    let one = ids.slice(0..<1)
    expectNoAllocation(on: pool) {
      let normed = model.forward(ids, batch: 1, form: form, state: &state, memory: memory, on: pool)
      model.computeLogits(logits, normed, on: pool)
      let next = model.forward(one, batch: 1, form: .recurrent, state: &state, memory: memory, on: pool)
      model.computeLogits(logits.prefix(1), next, on: pool)
      state.clear(on: pool)
    }
  }

  @Test(arguments: [1, 2], [false, true]) func aWarmBFloat16ProductAllocatesNothing(
    threadCount: Int, usesPortableKernels: Bool
  ) {
    let pool = WorkerPool(threadCount: threadCount, usesPortableKernels: usesPortableKernels)
    let (c, a, b) = (Matrix(Tensor(Shape(200, 200))), Matrix(Tensor(Shape(200, 200))), Matrix(Tensor(Shape(200, 200))))
    let kinds = [Transposition.second, .none, .first]
    expectNoAllocation(on: pool) {
      for transposed in kinds {
        multiply(c, a, b, transposed: transposed, accumulate: true, precision: .bfloat16, on: pool)
      }
    }
  }
}
