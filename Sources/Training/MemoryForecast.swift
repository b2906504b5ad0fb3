internal import Inference
package import Modeling
internal import Tensors

/// The memory that a run will have touched at its peak, by what it is for: from shapes alone, nothing is allocated.
package struct MemoryForecast: Sendable {
  package struct Part: Sendable {
    package let name: String
    package let byteCount: Double
  }

  package private(set) var parts: [Part] = []

  /// What a `Trainer` holds and what its steps need beside it.
  ///
  /// - Parameters:
  ///   - model: Resolved, with its vocabulary.
  ///   - configuration: Of the run, resolved.
  ///   - isEvaluated: Whether a validation file is scored on the way.
  ///   - workers: Threads of the pool.
  ///   - program: Bytes that the program has resident before: its code, libraries, the tokenizer.
  package init(
    _ model: ModelConfiguration, _ configuration: TrainingConfiguration, isEvaluated: Bool, workers: Int,
    program: Double
  ) {
    let all = Parameters.descriptions(model)
    let state = configuration.tunesState ? InitialState.descriptions(model).reduce(0) { $0 + $1.shape.count } : 0
    let trained = (configuration.tunesState ? InitialState.descriptions(model) : []) + all.filter(configuration.trains)
    let step = TrainingMemory.size(
      model, batch: configuration.microBatchSize, time: configuration.sequenceLength, form: configuration.retentionForm,
      recomputation: configuration.recompute, hasInitialState: configuration.tunesState, workers: workers)
    add("parameters", Tensor.byteCount(all.reduce(0) { $0 + $1.shape.count }))
    add("gradients", Tensor.byteCount(Parameters.gradientCount(model, of: configuration.trains)))
    add("optimizer moments", Optimizer.byteCount(trained, rule: configuration.updateRule))
    if configuration.tunesState { add("initial state", 2 * Tensor.byteCount(state)) }
    add("activations", step.activations)
    add("gradients of activations", step.activationGradients)
    add("retention", step.retention)
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

  /// The second operand of a step's products is a weight, or the activations that meet a gradient.
  private func packing(_ model: ModelConfiguration, _ configuration: TrainingConfiguration, workers: Int) -> Double {
    // q, k, v, g are one matrix, gate and up another.
    let mostRows = max(model.vocabularySize, 2 * (model.keyWidth + model.valueWidth), 2 * model.feedForwardWidth)
    let mostColumns = max(model.width, model.valueWidth, model.feedForwardWidth)
    let largest = max(
      Double(mostRows) * Double(model.width), Double(configuration.microBatchTokens) * Double(mostColumns))
    return WorkerPool.packingByteCount(configuration.precision.products, largestOperand: largest, workers: workers)
  }
}
