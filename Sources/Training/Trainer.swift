package import Modeling
package import Tensors

/// The result of one training step.
package struct StepReport: Sendable {
  /// The number of steps, including this one.
  package let step: Int
  /// Mean cross entropy of the batch before the update, nats per token.
  package let loss: Double
  /// Global gradient norm before clipping.
  package let gradientNorm: Double
  package let learningRate: Double
  /// Why the step was skipped; nil if the weights were updated.
  package let skipped: SkipReason?
  /// Where a number is not finite, in the first of several such steps in a row.
  package internal(set) var notFinite: NotFinitePlace?

  package init(
    step: Int, loss: Double, gradientNorm: Double, learningRate: Double, skipped: SkipReason? = nil,
    notFinite: NotFinitePlace? = nil
  ) {
    self.step = step
    self.loss = loss
    self.gradientNorm = gradientNorm
    self.learningRate = learningRate
    self.skipped = skipped
    self.notFinite = notFinite
  }
}

/// A model in training: weights, gradients, optimizer and the memory of a step. The caller supplies the batches.
package final class Trainer {
  package let network: LanguageModel
  package let configuration: TrainingConfiguration
  package let replicas: Replicas
  /// The rows of each batch that this process computes.
  package let rows: Range<Int>
  private let microBatchTokens: Int
  /// The inputs of these rows; `targets` and `documentStarts` are of the same rows.
  package let inputs: Indices
  package let targets: Indices
  /// For each input, the index in its sequence at which its document starts; -1, the initial value: before the
  /// sequence.
  package let documentStarts: Indices
  private let gradients: Parameters
  /// With `state_tuning`: the state that each document starts from.
  package let initialState: InitialState?
  private var optimizer: Optimizer
  /// With `ema_decay`: the averaged weights.
  private let average: WeightAverage?
  private let memory: TrainingMemory
  /// With `carry_state`: the states of the batch rows now, and after the batch whose gradient was computed last.
  private var states: (now: ModelState, next: ModelState)?
  private let pool: WorkerPool

  /// A new model with random weights from the seed.
  ///
  /// - Parameters:
  ///   - model: The resolved configuration of the model, with its vocabulary size.
  ///   - configuration: The configuration of the run.
  ///   - replicas: The processes that train the model together.
  ///   - pool: Where the work runs.
  package init(
    _ model: ModelConfiguration, _ configuration: TrainingConfiguration, replicas: Replicas = .alone,
    on pool: WorkerPool
  ) {
    let parameters = Parameters(model)
    var source = RandomSource(seed: UInt64(configuration.seed))
    parameters.initialize(from: &source)
    network = LanguageModel(model, parameters)
    self.configuration = configuration
    self.pool = pool
    self.replicas = replicas
    rows = replicas.rows(of: configuration.batchSize)
    let tokens = rows.count * configuration.sequenceLength
    microBatchTokens = min(configuration.microBatchTokens, tokens)
    precondition(
      tokens % microBatchTokens == 0, "Trainer: \(tokens) tokens of a replica in micro-batches of \(microBatchTokens)")
    inputs = Indices(count: tokens)
    targets = Indices(count: tokens)
    documentStarts = Indices([Int32](repeating: -1, count: tokens))
    gradients = Parameters(model, gradientsOf: configuration.trains)
    initialState = configuration.tunesState ? InitialState(model) : nil
    let trained =
      initialState.map { TrainedTensors($0) }
      ?? TrainedTensors(parameters, gradients: gradients, where: configuration.trains)
    optimizer = Optimizer(trained, configuration, on: pool)
    average = configuration.averageDecay > 0 ? WeightAverage(of: trained) : nil
    memory = TrainingMemory(
      model, batch: microBatchTokens / configuration.sequenceLength, time: configuration.sequenceLength,
      form: configuration.retentionForm, recomputation: configuration.recompute,
      hasInitialState: configuration.tunesState, hasDropout: configuration.dropout > 0, workers: pool.threadCount)
    if configuration.carriesState {
      let empty = ModelState(model, batch: rows.count)
      states = (empty, empty.emptyCopy)
    }
    average?.start(on: pool)
  }

  /// The states from which the batch rows continue, as views that can be read and filled; nil without `carry_state`.
  package var carriedState: ModelState? { states?.now }

  /// Whether the next batch starts from empty states.
  package var startsEmpty: Bool { states.map { $0.now.position == 0 } ?? true }

  /// The number of updates so far.
  package var step: Int { optimizer.step }

  /// The slots of the optimizer and the averaged weights, as views that can be read and filled.
  package var slots: [OptimizerSlot] { optimizer.slots + (average.map { [$0.slot] } ?? []) }

  /// Whether averaged weights are kept.
  package var hasAverage: Bool { average != nil }

  /// Calls the body while the network has the averaged weights. Without an average, it has its own.
  package func withAveragedWeights<Result>(_ body: () throws -> Result) rethrows -> Result {
    average?.exchange(on: pool)
    defer { average?.exchange(on: pool) }
    return try body()
  }

  /// Takes one step on the batch in `inputs`, `targets` and `documentStarts`: computes the gradient and updates the weights.
  ///
  /// - Parameters:
  ///   - number: Its place in the learning-rate schedule, from 1, which also chooses what dropout drops; nil: the next
  ///     after the updates so far.
  ///   - rateFactor: Multiplies the scheduled learning rate.
  ///   - shouldStop: Called before each micro-batch except the first.
  ///   - judge: Decides on the update once the gradient is known. With a reason to skip it, carried states are forgotten.
  /// - Returns: What the step did; nil, with nothing changed, if it was stopped.
  @discardableResult
  package func makeStep(
    number: Int? = nil, rateFactor: Double = 1, shouldStop: () -> Bool = { false },
    judge: (_ loss: Double, _ gradientNorm: Double) -> SkipReason? = { _, _ in nil }
  ) -> StepReport? {
    let number = number ?? optimizer.step + 1
    guard let (loss, norm) = computeGradient(step: number, shouldStop: shouldStop) else { return nil }
    let learningRate = configuration.learningRate(step: number) * rateFactor
    let skipped = judge(loss, norm)
    if skipped == nil {
      update(gradientNorm: norm, learningRate: learningRate, decayFactor: configuration.decayFactor(step: number))
    } else {
      forgetStates()
    }
    return StepReport(step: number, loss: loss, gradientNorm: norm, learningRate: learningRate, skipped: skipped)
  }

  /// Computes the gradient of the mean loss of the batch; `inputs`, `targets` and `documentStarts` hold the rows of this
  /// process. The gradient is accumulated over the micro-batches, then summed over the replicas. No weight changes.
  ///
  /// - Parameters:
  ///   - step: The number of the step, which chooses what dropout drops.
  ///   - shouldStop: Called before each micro-batch except the first.
  /// - Returns: The mean cross entropy in nats per token, and the global norm of the gradient; nil if it was stopped.
  package func computeGradient(
    step: Int = 1, shouldStop: () -> Bool = { false }
  ) -> (loss: Double, gradientNorm: Double)? {
    gradients.flat.clear(on: pool)
    initialState?.gradients.flat.clear(on: pool)
    var scored = 0
    for index in 0..<targets.count where targets[index] >= 0 { scored += 1 }
    let allScored = max(1, Int(replicas.sum(Double(scored))))
    var loss = 0.0
    for start in stride(from: 0, to: targets.count, by: microBatchTokens) {
      if start > 0, replicas.any(shouldStop()) { return nil }
      let part = start..<start + microBatchTokens
      loss += network.addGradient(
        gradients, inputs: inputs.slice(part), targets: targets.slice(part), documentStarts: documentStarts(in: part),
        carried: states.map {
          CarriedRows(before: $0.now, after: $0.next, first: start / configuration.sequenceLength)
        },
        initial: initialState, scoredCount: allScored, precision: configuration.precision.products,
        dropout: dropout(step: step, at: start), memory: memory, on: pool)
    }
    replicas.sum(gradients.flat)
    if let initialState { replicas.sum(initialState.gradients.flat) }
    return (replicas.sum(loss), optimizer.gradientNorm(on: pool))
  }

  /// The dropout of the micro-batch that begins `start` tokens into the rows of this process; nil: none.
  private func dropout(step: Int, at start: Int) -> Dropout? {
    guard configuration.dropout > 0 else { return nil }
    return Dropout(
      rate: configuration.dropout, seed: configuration.seed, step: step,
      firstRow: rows.lowerBound * configuration.sequenceLength + start)
  }

  /// Names the first thing that is not finite in the step whose gradient was computed last, in the order of
  /// computation.
  ///
  /// - Parameter loss: The loss of the step.
  /// - Returns: The first such weight, part of the initial state or gradient by name, or the loss, or the gradient
  ///   norm.
  func nameNotFinite(loss: Double) -> String {
    let weights = network.parameters
    if let weight = weights.descriptions.first(where: { !weights.tensor($0).isFinite }) {
      return "weight '\(weight.name)'"
    }
    if let values = initialState?.values, let part = values.descriptions.first(where: { !values.tensor($0).isFinite }) {
      return "initial state '\(part.name)'"
    }
    if !loss.isFinite { return "the loss" }
    return optimizer.gradientNotFinite().map { "gradient of '\($0)'" } ?? "the gradient norm"
  }

  /// Where documents start in a part of the batch; nil if none does, which is faster.
  private func documentStarts(in part: Range<Int>) -> Indices? {
    part.contains { documentStarts[$0] >= 0 } ? documentStarts.slice(part) : nil
  }

  /// Updates the weights by the gradient that was computed last. With `carry_state`, the rows continue from their
  /// states after that batch.
  private func update(gradientNorm: Double, learningRate: Double, decayFactor: Double) {
    optimizer.update(norm: gradientNorm, learningRate: learningRate, decayFactor: decayFactor, on: pool)
    average?.take(update: optimizer.step, decay: configuration.averageDecay, on: pool)
    guard let (now, next) = states else { return }
    states = (next, now)
    states?.now.position = now.position + configuration.sequenceLength
  }

  /// Clears the carried states. After a gap in the streams they do not precede the next batch.
  package func forgetStates() { states?.now.clear(on: pool) }

  /// Copies weights and sets the number of updates; the caller fills the slots and the carried states.
  ///
  /// - Parameters:
  ///   - parameters: The weights, of the same model.
  ///   - updates: The number of updates so far.
  ///   - position: The position of the carried states.
  package func restore(_ parameters: Parameters, updates: Int, position: Int = 0) {
    states?.now.position = position
    network.parameters.flat.copy(parameters.flat, on: pool)
    optimizer.restore(updates: updates)
  }

  /// Replaces the random weights by those of a model, before the first step.
  ///
  /// - Parameter parameters: The weights, of the same model; copied.
  package func begin(with parameters: Parameters) {
    network.parameters.flat.copy(parameters.flat, on: pool)
    average?.start(on: pool)
  }

  /// Returns to the random weights from the seed, with no updates made.
  package func restart() {
    var source = RandomSource(seed: UInt64(configuration.seed))
    network.parameters.initialize(from: &source)
    optimizer.clear(on: pool)
    initialState?.values.flat.clear(on: pool)
    average?.start(on: pool)
    forgetStates()
  }
}
