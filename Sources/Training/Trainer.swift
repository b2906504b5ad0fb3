package import Modeling
package import Tensors

/// What one optimizer step did.
package struct StepReport: Sendable {
  /// Steps made, this one included.
  package let step: Int
  /// Mean cross entropy of the batch before the update, nats per token.
  package let loss: Double
  /// Global gradient norm before clipping.
  package let gradientNorm: Double
  package let learningRate: Double
}

/// One model in training: weights, gradients, moments and the memory of a step; the caller brings the batches.
package final class Trainer {
  /// The model, with products in Float32.
  package let network: RetNet
  private let trained: RetNet
  package let configuration: TrainingConfiguration
  package let inputs: Indices
  package let targets: Indices
  private let gradients: Parameters
  private var optimizer: AdamW
  private let memory: TrainingMemory
  private let pool: WorkerPool

  /// A new model with weights drawn from the seed.
  ///
  /// - Parameters:
  ///   - model: Resolved, with its vocabulary.
  ///   - configuration: Of the run.
  ///   - pool: Where the work runs.
  package init(_ model: ModelConfiguration, _ configuration: TrainingConfiguration, on pool: WorkerPool) {
    let parameters = Parameters(model)
    var source = RandomSource(seed: UInt64(configuration.seed))
    parameters.initialize(from: &source)
    network = RetNet(model, parameters)
    trained = RetNet(model, parameters, precision: configuration.precision.products)
    self.configuration = configuration
    self.pool = pool
    inputs = Indices(count: configuration.batchTokens)
    targets = Indices(count: configuration.batchTokens)
    gradients = Parameters(model)
    optimizer = AdamW(model)
    memory = TrainingMemory(
      model, batch: configuration.microBatchSize, time: configuration.sequenceLength,
      form: .chunkwise(chunkLength: configuration.chunkLength), recomputation: configuration.recompute,
      workers: pool.threadCount)
  }

  /// Steps made so far.
  package var step: Int { optimizer.step }

  /// Makes one step on the batch in `inputs` and `targets`: the gradient of its mean loss, summed micro-batch by
  /// micro-batch, and an update.
  package func makeStep() -> StepReport {
    gradients.flat.clear(on: pool)
    var scored = 0
    for index in 0..<targets.count where targets[index] >= 0 { scored += 1 }
    var loss = 0.0
    for start in stride(from: 0, to: configuration.batchTokens, by: configuration.microBatchTokens) {
      let part = start..<start + configuration.microBatchTokens
      loss += trained.addGradient(
        gradients, inputs: inputs.slice(part), targets: targets.slice(part), scoredCount: max(1, scored),
        memory: memory, on: pool)
    }
    let norm = optimizer.norm(of: gradients, on: pool)
    let learningRate = configuration.learningRate(step: optimizer.step + 1)
    optimizer.update(
      network.parameters, gradients: gradients, norm: norm, learningRate: learningRate, configuration, on: pool)
    return StepReport(step: optimizer.step, loss: loss, gradientNorm: norm, learningRate: learningRate)
  }
}
