internal import Modeling
internal import Tensors
internal import Training

/// Measures how long a training step takes on this machine, with a few micro-batches of random tokens.
struct StepMeasurement {
  /// The time of a whole step: its micro-batches and the update.
  let secondsPerStep: Double
  /// In bytes; nil if the system cannot reset its count.
  let peakMemory: Int?

  /// Steps are repeated until they take this long in total, because short ones vary.
  private static let seconds = 2.0
  private static let mostSteps = 9
  /// Limits of a measured step: micro-batches, and their tokens if there is more than one. The others take as long.
  private static let (mostMicroBatches, mostTokens) = (4, 16_384)

  /// Takes one step to touch all memory, then a few that are measured.
  init(_ model: ModelConfiguration, _ training: TrainingConfiguration, threads: Int) {
    let isPeakOwn = PeakMemory.reset()
    let clock = StepClock()
    let pool = WorkerPool(threadCount: threads, clock: clock)
    var short = training
    let parts = training.batchSize / training.microBatchSize
    let measuredParts = min(parts, Self.mostMicroBatches, max(1, Self.mostTokens / training.microBatchTokens))
    short.batchTokens = measuredParts * training.microBatchTokens
    let trainer = Trainer(model, short, on: pool)
    var source = RandomSource(seed: 0)
    var steps: [Double] = []
    for index in 0...Self.mostSteps {
      trainer.drawBatch(from: &source)
      _ = clock.takeTimes()
      trainer.makeStep()
      let times = clock.takeTimes()
      guard index > 0 else { continue }
      let update = times[.optimizer]
      steps.append(update + (times.total - update) * Double(parts) / Double(measuredParts))
      if steps.reduce(0, +) >= Self.seconds * Double(parts) / Double(measuredParts) { break }
    }
    secondsPerStep = steps.sorted()[steps.count / 2]
    peakMemory = isPeakOwn ? PeakMemory.bytes : nil
  }
}

extension Trainer {
  /// Fills the batch with ids drawn uniformly from the vocabulary; each target is the next input.
  func drawBatch(from source: inout RandomSource) {
    let bound = Int32(network.configuration.vocabularySize)
    inputs.withMutableSpan { inputs in
      targets.withMutableSpan { targets in
        for index in 0..<targets.count {
          inputs[index] = index == 0 ? 0 : targets[index - 1]
          targets[index] = Int32.random(in: 0..<bound, using: &source)
        }
      }
    }
  }
}
