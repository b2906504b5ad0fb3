internal import Retention
package import Tensors

/// Memory to train on batches of B sequences of T tokens: the activations of every block, planned here and nowhere else.
package final class TrainingMemory {
  let shape: RetentionShape
  let activations: [BlockActivations]
  let output: Tensor
  let outputInverse: Tensor
  let normed: Tensor
  let dnormed: Tensor
  let dstream: Tensor
  let logits: Tensor
  let losses: Tensor
  let scratch: BackwardScratch
  let retention: RetentionMemory
  let state: ModelState

  /// Rows of logits that exist at a time; the full logits never do.
  static let logitRows = 512

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - batch: B.
  ///   - time: T.
  ///   - chunkLength: Of the chunkwise form.
  ///   - workers: Threads of the pool.
  package init(_ configuration: ModelConfiguration, batch: Int, time: Int, chunkLength: Int, workers: Int) {
    let rows = batch * time
    let shape = configuration.retentionShape(batch: batch, time: time)
    let chunks = ChunkPlan(time: time, length: chunkLength).count
    func stream() -> Tensor { Tensor(Shape(rows, configuration.width)) }
    self.shape = shape
    activations = (0..<configuration.layers).map { _ in
      BlockActivations(
        configuration, rows: rows, input: stream(), middle: stream(), states: ChunkStates(shape, chunks: chunks))
    }
    output = stream()
    outputInverse = Tensor(Shape(rows))
    normed = stream()
    dnormed = stream()
    dstream = stream()
    logits = Tensor(Shape(min(rows, TrainingMemory.logitRows), configuration.vocabularySize))
    losses = Tensor(Shape(rows))
    scratch = BackwardScratch(configuration, rows: rows, shape: shape, chunks: chunks)
    retention = RetentionMemory(
      configuration, form: .chunkwise(chunkLength: chunkLength), batch: batch, time: time, workers: workers)
    state = ModelState(configuration, batch: batch)
  }
}

extension RetNet {
  /// The mean cross entropy of a batch, from empty states, and its gradient.
  ///
  /// - Parameters:
  ///   - gradients: Added to; laid out as the parameters.
  ///   - inputs: Token ids [B·T].
  ///   - targets: The next token of each [B·T]; a negative one is not scored.
  ///   - documents: As in `recurrentRetention`.
  ///   - scoredCount: What the mean is over: the scored targets of the whole batch, of which this may be a part.
  ///   - memory: Made for this batch.
  ///   - pool: Where the work runs.
  /// - Returns: The sum of the losses over `scoredCount`, nats per token.
  package func addGradient(
    _ gradients: Parameters, inputs: Indices, targets: Indices, documents: Indices? = nil, scoredCount: Int,
    memory: TrainingMemory, on pool: WorkerPool
  ) -> Double {
    let shape = memory.shape
    let form = memory.retention.form
    for layer in memory.state.layers { layer.clear(on: pool) }
    memory.retention.rotation.prepare(first: 0, count: shape.time)

    gatherRows(memory.activations[0].input, parameters.embedding, inputs)
    for (index, block) in blocks.enumerated() {
      let isLast = index + 1 == blocks.count
      block.forward(
        isLast ? memory.output : memory.activations[index + 1].input, memory.activations[index], shape: shape,
        form: form, state: memory.state.layers[index], documents: documents, memory: memory.retention, on: pool)
    }
    let loss = lossAndHeadGradient(gradients, targets: targets, scoredCount: scoredCount, memory: memory, on: pool)

    let dx = memory.dstream
    rmsNormBackward(
      dx, dweight: gradients.finalNorm, addend: nil, memory.dnormed, memory.output, weight: parameters.finalNorm,
      inverse: memory.outputInverse, partials: memory.scratch.partials, on: pool)
    for index in blocks.indices.reversed() {
      blocks[index].backward(
        dx, gradients: gradients.layers[index], memory.activations[index], scratch: memory.scratch, shape: shape,
        documents: documents, memory: memory.retention, on: pool)
    }
    scatterAddRows(gradients.embedding, dx, inputs, on: pool)
    return loss
  }

  /// Final norm, logits, loss and their backward down to the final norm's output, a block of rows at a time.
  private func lossAndHeadGradient(
    _ gradients: Parameters, targets: Indices, scoredCount: Int, memory: TrainingMemory, on pool: WorkerPool
  ) -> Double {
    let rows = memory.normed.shape[0]
    rmsNorm(
      memory.normed, inverse: memory.outputInverse, memory.output, weight: parameters.finalNorm,
      epsilon: Float(configuration.normEpsilon), on: pool)
    let (normed, dnormed, head) = (Matrix(memory.normed), Matrix(memory.dnormed), Matrix(parameters.head))
    for start in stride(from: 0, to: rows, by: TrainingMemory.logitRows) {
      let range = start..<min(start + TrainingMemory.logitRows, rows)
      let logits = memory.logits.prefix(range.count)
      multiply(Matrix(logits), normed.rows(range), head, transposed: .second, on: pool)
      crossEntropyWithGradient(
        logits, losses: memory.losses.view(Shape(range.count), at: start), targets: targets.slice(range),
        scale: 1 / Float(scoredCount), on: pool)
      multiply(dnormed.rows(range), Matrix(logits), head, transposed: .none, on: pool)
      multiply(
        Matrix(gradients.head), Matrix(logits), normed.rows(range), transposed: .first, accumulate: true, on: pool)
    }
    var sum = 0.0
    for row in 0..<rows { sum += Double(memory.losses[row]) }
    return sum / Double(scoredCount)
  }
}
