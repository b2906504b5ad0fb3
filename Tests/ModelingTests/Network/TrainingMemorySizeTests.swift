import EngineTestSupport
import Modeling
import Tensors
import Testing

@Suite struct TrainingMemorySizeTests {
  @Test(arguments: [nil] + Variant.allCases.map { $0 }, [RetentionForm.parallel, .chunkwise(chunkLength: 4)])
  func isWhatIsAllocated(_ variant: Variant?, _ form: RetentionForm) {
    let model = ModelCase(B: 3, T: 70, N: 40, D: 48, L: 3, H: 4, K: 8, V: 16, F: 64, variant: variant).configuration
    for recomputation in Recomputation.allCases {
      for workers in [1, 3] {
        let memory = TrainingMemory(
          model, batch: 3, time: 70, form: form, recomputation: recomputation, workers: workers)
        let size = TrainingMemory.size(
          model, batch: 3, time: 70, form: form, recomputation: recomputation, workers: workers)
        #expect(storedBytes(of: memory) == size.total, "\(recomputation), \(workers)")
      }
    }
  }

  @Test(
    arguments: [nil] + Variant.allCases.map { $0 }, [RetentionForm.recurrent, .parallel, .chunkwise(chunkLength: 4)])
  func thatOfInferenceToo(_ variant: Variant?, _ form: RetentionForm) {
    let model = ModelCase(B: 3, T: 70, N: 40, D: 48, L: 3, H: 4, K: 8, V: 16, F: 64, variant: variant).configuration
    for time in [1, 70] {
      let memory = InferenceMemory(model, form: form, batch: 3, time: time, workers: 2)
      let size = InferenceMemory.byteCount(model, form: form, batch: 3, time: time, workers: 2)
      #expect(storedBytes(of: memory) == size)
    }
    #expect(storedBytes(of: ModelState(model, batch: 3)) == ModelState.byteCount(model, batch: 3))
  }

  @Test(arguments: ModelPreset.allCases, Recomputation.allCases)
  func aTokenOfALongSequenceTakesNoMoreThanOneOfAShortSequence(_ preset: ModelPreset, _ kept: Recomputation) {
    func size(batch: Int, time: Int) -> TrainingMemorySize {
      TrainingMemory.size(
        preset.configuration, batch: batch, time: time, form: .chunkwise(chunkLength: 128), recomputation: kept,
        workers: 2)
    }
    // Both are 32,768 tokens.
    let (long, short) = (size(batch: 1, time: 32_768), size(batch: 64, time: 512))
    // Less, by the state that enters each of 64 sequences and the one that leaves it.
    #expect(long.total < short.total)
    #expect(long.logits == short.logits)
  }

  @Test func keepingOneBlockTakesTheMemoryOfOneBlock() {
    func activations(layers: Int, _ recomputation: Recomputation) -> Double {
      var model = ModelPreset.reference.configuration
      model.layers = layers
      return TrainingMemory.size(
        model, batch: 2, time: 512, form: .chunkwise(chunkLength: 128), recomputation: recomputation, workers: 1
      ).activations
    }
    #expect(activations(layers: 1, .blocks) == activations(layers: 1, .none))
    // A further block keeps the stream that enters it: 512 numbers for each of 1,024 tokens.
    #expect(activations(layers: 9, .blocks) - activations(layers: 8, .blocks) == 4 * 512 * 1024)
  }

  @Test func noModelAndBatchAreTooLargeForTheArithmetic() {
    var model = ModelConfiguration()
    (model.width, model.layers, model.vocabularySize) = (65_536, 1000, 1 << 20)
    (model.keyWidth, model.valueWidth, model.feedForwardWidth) = (1 << 20, 1 << 20, 1 << 20)
    let size = TrainingMemory.size(
      model.resolved, batch: 1 << 15, time: 1 << 15, form: .chunkwise(chunkLength: 1), workers: 1024)
    // The states of 2^30 tokens in 8 heads of 2^17 × 2^17 numbers, in 1,000 layers.
    #expect(size.total > 1000 * 0x1p30 * 8 * 0x1p34 * 4 && size.total.isFinite)
  }
}
