internal import Inference
package import Modeling
internal import Tensors

/// The forecast of a run's peak memory, by purpose, from shapes alone; nothing is allocated.
package struct MemoryForecast: Sendable {
  package struct Part: Sendable {
    package let name: String
    package let byteCount: Double
  }

  package private(set) var parts: [Part] = []

  /// Adds up what a `Trainer` holds, what its steps need, and what is needed besides.
  ///
  /// - Parameters:
  ///   - model: The resolved configuration of the model, with its vocabulary size.
  ///   - configuration: The resolved configuration of the run.
  ///   - isEvaluated: Whether a validation file is scored during the run.
  ///   - workers: The number of threads of the pool.
  ///   - program: The resident bytes of the program before the run: code, libraries, tokenizer.
  package init(
    _ model: ModelConfiguration, _ configuration: TrainingConfiguration, isEvaluated: Bool, workers: Int,
    program: Double
  ) {
    let all = Parameters.descriptions(model)
    let state = configuration.tunesState ? InitialState.descriptions(model).reduce(0) { $0 + $1.shape.count } : 0
    let trained = (configuration.tunesState ? InitialState.descriptions(model) : []) + all.filter(configuration.trains)
    let step = TrainingMemory.size(
      model, batch: configuration.microBatchSize, time: configuration.sequenceLength, form: configuration.retentionForm,
      recomputation: configuration.recompute, hasInitialState: configuration.tunesState,
      hasDropout: configuration.dropout > 0, workers: workers)
    add("parameters", Tensor.byteCount(all.reduce(0) { $0 + $1.shape.count }))
    add("gradients", Tensor.byteCount(Parameters.gradientCount(model, of: configuration.trains)))
    let optimizer = Optimizer.byteCount(trained, configuration, workers: workers)
    add("optimizer moments", optimizer.slots)
    if optimizer.updates > 0 { add("optimizer updates", optimizer.updates) }
    if configuration.averageDecay > 0 { add("averaged weights", WeightAverage.byteCount(trained)) }
    if configuration.tunesState { add("initial state", 2 * Tensor.byteCount(state)) }
    add("activations", step.activations)
    add("gradients of activations", step.activationGradients)
    add(model.presentTypes.map(\.rawValue).joined(separator: ", "), step.mixers)
    add("logits", step.logits)
    add("packed operands", packing(model, configuration, workers: workers))
    // Inputs, targets, and where documents start.
    add("batch", 3 * Indices.byteCount(configuration.batchTokens))
    if configuration.carriesState {
      add("carried states", 2 * ModelState.byteCount(model, batch: configuration.batchSize))
    }
    if isEvaluated {
      add("evaluation", PerplexityMeter.byteCount(model, form: configuration.retentionForm, workers: workers))
    }
    add("program", program)
  }

  package var total: Double { parts.reduce(0) { $0 + $1.byteCount } }

  private mutating func add(_ name: String, _ byteCount: Double) {
    parts.append(Part(name: name, byteCount: byteCount))
  }

  /// The memory for packed operands. The second operand of a step's products is a weight, or the activations that are
  /// multiplied with a gradient.
  private func packing(_ model: ModelConfiguration, _ configuration: TrainingConfiguration, workers: Int) -> Double {
    // q, k, v, g are one matrix, gate and up another.
    let mostRows = max(model.vocabularySize, 2 * (model.keyWidth + model.valueWidth), 2 * model.feedForwardWidth)
    let mostColumns = max(model.width, model.valueWidth, model.feedForwardWidth)
    let largest = max(
      Double(mostRows) * Double(model.width), Double(configuration.microBatchTokens) * Double(mostColumns))
    return WorkerPool.packingByteCount(configuration.precision.products, largestOperand: largest, workers: workers)
  }
}
