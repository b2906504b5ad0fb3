internal import Retention
package import Tensors

extension LanguageModel {
  /// Computes the mean cross entropy of a batch, and adds its gradient.
  ///
  /// - Parameters:
  ///   - gradients: Gradients of all parameters or of some, added to.
  ///   - inputs: Token ids [B·T].
  ///   - targets: The next token of each [B·T]; a negative target is not scored.
  ///   - documentStarts: As in `recurrentRetention`.
  ///   - carried: The states from which the sequences continue, and memory for those after the call; nil: empty states.
  ///     Only with the chunkwise form.
  ///   - initial: The state that each document starts from, and its gradient, added to; nil: zero. Not with `carried`.
  ///   - scoredCount: The divisor of the mean, ≥ 1: the scored targets of the whole batch, of which this may be a part.
  ///   - precision: Precision of products with weights and of products inside chunkwise retention.
  ///   - dropout: nil: none.
  ///   - memory: Made for this batch; with dropout, made for that.
  ///   - pool: Where the work runs.
  /// - Returns: The sum of the losses divided by `scoredCount`, in nats per token.
  package func addGradient(
    _ gradients: Parameters, inputs: Indices, targets: Indices, documentStarts: Indices? = nil,
    carried: CarriedRows? = nil,
    initial: InitialState? = nil, scoredCount: Int, precision: ProductPrecision = .float32, dropout: Dropout? = nil,
    memory: TrainingMemory, on pool: WorkerPool
  ) -> Double {
    precondition(scoredCount >= 1, "addGradient: scoredCount is \(scoredCount)")
    precondition(
      initial == nil || carried == nil && memory.hasInitialState,
      "addGradient: an initial state with carried ones, or without memory for it")
    precondition(dropout == nil || memory.branch != nil, "addGradient: dropout without memory for it")
    if memory.hasInitialState { memory.mixers.forEach { $0.prepareInitialState(documentStarts) } }
    let shape = memory.shape
    for index in blocks.indices { enter(index, carried, memory: memory, on: pool) }
    let first = carried?.before.position ?? 0
    memory.mixers.forEach { $0.prepare(first: first, count: shape.time) }
    let x0 = memory.activations[0].stream
    let call = LayerCall(
      shape: shape, documentStarts: documentStarts, precision: precision, memories: memory.mixers,
      keepsState: carried != nil,
      x0: configuration.hasEmbeddingResidual ? x0 : nil,
      dropout: dropout.flatMap { dropout in memory.branch.map { BranchDropout(dropout: dropout, branch: $0) } })

    embed(x0, embedded: memory.embedded, memory.embeddingStatistics, inputs, on: pool)
    if let dropout { Tensors.dropout(x0, x0, mask: dropout.mask(.embedding), accumulate: false, on: pool) }
    for (index, block) in blocks.enumerated() {
      let isLast = index + 1 == blocks.count
      block.forward(
        isLast ? memory.output : memory.activations[index + 1].stream, memory.activations[index], call,
        state: memory.state.layers[index], initial: initial?.layers[index], on: pool)
    }
    if let carried {
      for row in 0..<shape.batch {
        carried.after.copy(sequence: carried.first + row, memory.state, sequence: row, on: pool)
      }
    }
    let loss = lossAndHeadGradient(
      gradients, targets: targets, scoredCount: scoredCount, precision: precision, memory: memory, on: pool)

    let dx = memory.dstream
    if let norm = parameters.finalNorm, let gradient = gradients.finalNorm {
      Norm(configuration, norm).backward(
        dx, gradients: gradient, addend: nil, memory.dnormed, memory.output, memory.outputStatistics,
        partials: memory.scratch.partials, on: pool)
    } else {
      dx.copy(memory.dnormed, on: pool)
    }
    memory.scratch.dx0?.clear(on: pool)
    for index in blocks.indices.reversed() where initial != nil || index >= gradients.lowestBlock {
      let a = memory.activations[index]
      if memory.recomputation == .blocks {
        enter(index, carried, memory: memory, on: pool)
        blocks[index].computeActivations(
          a, call, state: memory.state.layers[index], initial: initial?.layers[index], on: pool)
      }
      blocks[index].backward(
        dx, gradients: gradients.layers[index], a, scratch: memory.scratch, call, initial: initial?.layers[index],
        on: pool)
    }
    if gradients.lowestBlock == 0 {
      if let dx0 = memory.scratch.dx0 { dx.add(dx0, on: pool) }
      if let dropout { Tensors.dropout(dx, dx, mask: dropout.mask(.embedding), accumulate: false, on: pool) }
      embedBackward(gradients, dx, inputs, memory: memory, on: pool)
    }
    return loss
  }

  /// Sets a layer's state to the state before the batch: carried or empty.
  private func enter(_ layer: Int, _ carried: CarriedRows?, memory: TrainingMemory, on pool: WorkerPool) {
    let state = memory.state.layers[layer]
    guard let carried else { return state.clear(on: pool) }
    guard case .chunkwise = memory.shape.form else {
      preconditionFailure("addGradient: the \(memory.shape.form) form has no backward from a carried state")
    }
    for row in 0..<memory.shape.batch {
      state.copy(sequence: row, carried.before.layers[layer], sequence: carried.first + row, on: pool)
    }
  }

  /// The backward of `embed`.
  private func embedBackward(
    _ gradients: Parameters, _ dx: Tensor, _ inputs: Indices, memory: TrainingMemory, on pool: WorkerPool
  ) {
    if let norm = parameters.embeddingNorm, let gradient = gradients.embeddingNorm, let embedded = memory.embedded {
      // `dnormed` is free here. It receives the gradient, which then replaces dx.
      Norm(configuration, norm).backward(
        memory.dnormed, gradients: gradient, addend: nil, dx, embedded, memory.embeddingStatistics,
        partials: memory.scratch.partials, on: pool)
      dx.copy(memory.dnormed, on: pool)
    }
    if configuration.embeddingScale != 1 { dx.scale(by: Float(configuration.embeddingScale), on: pool) }
    if gradients.embedding.shape.count > 0 { scatterAddRows(gradients.embedding, dx, inputs, on: pool) }
  }

  /// Final norm of all rows. Then, per block of rows: logits, loss and their backward down to the norm's output.
  private func lossAndHeadGradient(
    _ gradients: Parameters, targets: Indices, scoredCount: Int, precision: ProductPrecision, memory: TrainingMemory,
    on pool: WorkerPool
  ) -> Double {
    let rows = memory.normed.shape[0]
    normalizeOutput(memory.normed, memory.outputStatistics, memory.output, on: pool)
    let width = configuration.width
    for start in stride(from: 0, to: rows, by: TrainingMemory.logitRows) {
      let range = start..<min(start + TrainingMemory.logitRows, rows)
      let logits = memory.logits.prefix(range.count)
      let normed = memory.normed.view(Shape(range.count, width), at: start * width)
      computeLogits(logits, normed, precision: precision, on: pool)
      crossEntropyWithGradient(
        logits, losses: memory.losses.view(Shape(range.count), at: start), targets: targets.slice(range),
        scale: 1 / Float(scoredCount), cap: configuration.softcap, on: pool)
      head.backward(
        Matrix(memory.dnormed).rows(range), gradients: (gradients.head, gradients.headBias), Matrix(logits), normed,
        partials: memory.scratch.partials, precision: precision, on: pool)
    }
    var sum = 0.0
    for row in 0..<rows { sum += Double(memory.losses[row]) }
    return sum / Double(scoredCount)
  }
}

/// The rows of carried states that a call reads and writes.
///
/// A batch carries one state per row from step to step. The state before the call is a constant of the backward: a
/// gradient ends at the start of its sequence (truncated backpropagation through time).
package struct CarriedRows: Sendable {
  /// The states of all rows before the call; the position is that of the call's first token.
  let before: ModelState
  /// The states of all rows after the call; the position is not changed.
  let after: ModelState
  /// The row of the call's first sequence.
  let first: Int

  /// - Parameters:
  ///   - before: The states before the call.
  ///   - after: Receives the states after it. It is other memory, so that the call can be discarded.
  ///   - first: The row of the call's first sequence.
  package init(before: ModelState, after: ModelState, first: Int) {
    (self.before, self.after, self.first) = (before, after, first)
  }
}
