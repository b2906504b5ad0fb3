import EngineTestSupport
import Modeling
import Tensors
import Testing
import Training

@Suite(countsAllocations) struct TrainingAllocationTests {
  @Test(arguments: [TrainingPrecision.float32, .bfloat16], Recomputation.allCases)
  func aWarmStepOfSeveralMicroBatchesAllocatesNothing(_ precision: TrainingPrecision, _ recompute: Recomputation) throws
  {
    var configuration = try TinyRun().configuration
    (configuration.precision, configuration.recompute) = (precision, recompute)
    for (threads, microBatchTokens) in [(1, 20), (2, 20), (2, 40), (2, 80)] {
      configuration.largestMicroBatchTokens = microBatchTokens
      let pool = WorkerPool(threadCount: threads)
      let trainer = Trainer(TinyRun.model(), configuration, on: pool)
      for index in 0..<80 {
        (trainer.inputs[index], trainer.targets[index]) = (Int32(index * 7 % 11), Int32(index * 3 % 11))
      }
      expectNoAllocation(on: pool) { trainer.makeStep() }
      #expect(trainer.step == 3)
    }
  }

  @Test(arguments: Recomputation.allCases)
  func aWarmStepWithDropoutAllocatesNothing(_ recompute: Recomputation) throws {
    var configuration = try TinyRun().configuration
    (configuration.dropout, configuration.recompute, configuration.largestMicroBatchTokens) = (0.1, recompute, 40)
    let model = TinyRun.model { ($0.hasEmbeddingResidual, $0.logitSoftcap, $0.activation) = (true, 15, .reluSquared) }
    let pool = WorkerPool(threadCount: 2)
    let trainer = Trainer(model, configuration, on: pool)
    for index in 0..<80 {
      (trainer.inputs[index], trainer.targets[index]) = (Int32(index * 7 % 11), Int32(index * 3 % 11))
    }
    expectNoAllocation(on: pool) { trainer.makeStep() }
  }

  @Test func theCountSeesAllocationsOfEveryThread() {
    let pool = WorkerPool(threadCount: 2)
    let found = allocations(on: pool) {
      pool.run(2, with: Meeting()) { meeting, index, _ in
        meeting.wait()
        blackHole([Int](repeating: index, count: 100))
        blackHole(Tensor(Shape(100)).values)
      }
    }
    // For each task two arrays, a storage and its pages.
    #expect(found >= 8)
  }
}

@inline(never) private func blackHole(_ numbers: [some Numeric]) { precondition(numbers.count == 100) }
