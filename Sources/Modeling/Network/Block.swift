internal import Retention
internal import Tensors

/// One block: x ← x + gated retention of its norm, x ← x + feed-forward of its norm (docs/MATH.md, eq. 1).
struct Block {
  let configuration: ModelConfiguration
  let weights: LayerWeights
  /// Of the products with weights and of those in chunkwise retention; norms, decay, states and sums are Float32.
  let precision: ProductPrecision

  private var projections: Linear { Linear(weights.projections, weights.projectionBias, precision) }
  private var headOutput: Linear { Linear(weights.output, weights.outputBias, precision) }
  private var expansion: Linear { Linear(weights.expansion, weights.expansionBias, precision) }
  private var down: Linear { Linear(weights.down, weights.downBias, precision) }
  private var retentionNorm: Norm { Norm(configuration, weights.retentionNorm) }
  private var feedForwardNorm: Norm { Norm(configuration, weights.feedForwardNorm) }

  /// Computes the block's output from `a.input`.
  ///
  /// - Parameters:
  ///   - output: The residual stream as it leaves [R, D]; `a.input` when no backward follows.
  ///   - a: Memory for the steps in between.
  ///   - shape: Extents; R = B·T.
  ///   - form: Which form of retention.
  ///   - state: What retention remembers, before and after.
  ///   - documents: As in `recurrentRetention`.
  ///   - initial: What each document starts from; nil: nothing.
  ///   - memory: For retention; its rotation is prepared for these positions.
  ///   - pool: Where the work runs.
  func forward(
    _ output: Tensor, _ a: BlockActivations, shape: RetentionShape, form: RetentionForm, state: LayerState,
    documents: Indices?, initial: LayerInitialState? = nil, memory: RetentionMemory, on pool: WorkerPool
  ) {
    computeActivations(
      a, shape: shape, form: form, state: state, documents: documents, initial: initial, memory: memory, on: pool)
    output.startResidual(from: a.middle, on: pool)
    down.forward(Matrix(output), a.hidden, accumulate: true, on: pool)
  }

  /// All of `forward` but its last product: everything that the backward reads, from `a.input`.
  func computeActivations(
    _ a: BlockActivations, shape: RetentionShape, form: RetentionForm, state: LayerState, documents: Indices?,
    initial: LayerInitialState? = nil, memory: RetentionMemory, on pool: WorkerPool
  ) {
    let columns = ProjectionColumns(configuration)
    let projected = Matrix(a.projected)
    retentionNorm.forward(a.normed, a.statistics, a.input, on: pool)
    projections.forward(projected, a.normed, on: pool)
    memory.rotation.apply(projected.columns(columns.q), on: pool)
    memory.rotation.apply(projected.columns(columns.k), scale: keyScale(shape), on: pool)
    memory.retain(
      a, configuration, shape: shape, form: form, state: state, documents: documents, initial: initial,
      precision: precision, on: pool)
    normalizeHeads(a.gated, a, gate: columns.g.map { projected.columns($0) }, on: pool)
    a.middle.startResidual(from: a.input, on: pool)
    headOutput.forward(Matrix(a.middle), a.gated, accumulate: true, on: pool)

    feedForwardNorm.forward(a.middleNormed, a.middleStatistics, a.middle, on: pool)
    expansion.forward(Matrix(a.expanded), a.middleNormed, on: pool)
    switch configuration.feedForward {
    case .glu: gatedLinearUnit(a.hidden, a.expanded, activation: configuration.activation, on: pool)
    case .mlp: activate(a.hidden, a.expanded, activation: configuration.activation, on: pool)
    }
  }

  /// The head norm of what was retained, times the gate where one is given.
  func normalizeHeads(_ output: Tensor, _ a: BlockActivations, gate: Matrix?, on pool: WorkerPool) {
    gatedNorm(
      output, mean: a.headMean, inverse: a.headInverse, a.retained, gate, norm: configuration.headNorm,
      weight: weights.headNorm, epsilon: Float(configuration.normEpsilon), on: pool)
  }

  /// Turns the gradient of the block's output into that of its input, and adds to the weights' gradients.
  ///
  /// - Parameters:
  ///   - dx: Gradient of the residual stream [R, D]: of the output before, of the input after.
  ///   - gradients: The weights' gradients, added to.
  ///   - a: As the forward left it.
  ///   - scratch: Memory for the gradients in between.
  ///   - shape: Extents; R = B·T.
  ///   - documents: As in the forward.
  ///   - initial: As in the forward.
  ///   - memory: As in the forward.
  ///   - pool: Where the work runs.
  func backward(
    _ dx: Tensor, gradients: LayerParameters, _ a: BlockActivations, scratch: BackwardScratch, shape: RetentionShape,
    documents: Indices?, initial: LayerInitialState? = nil, memory: RetentionMemory, on pool: WorkerPool
  ) {
    feedForwardBackward(dx, gradients: gradients, a, scratch: scratch, on: pool)

    // Retention part: dx is now the gradient of `middle`, and of the input by the residual.
    headOutput.backward(
      Matrix(scratch.dretained), gradients: (gradients.output, gradients.outputBias), Matrix(dx), a.gated,
      partials: scratch.partials, on: pool)
    let columns = ProjectionColumns(configuration)
    let (projected, dprojected) = (Matrix(a.projected), Matrix(scratch.dprojected))
    gatedNormBackward(
      scratch.dretained, dg: columns.g.map { dprojected.columns($0) }, dweight: gradients.headNorm, scratch.dretained,
      a.retained, columns.g.map { projected.columns($0) }, norm: configuration.headNorm, weight: weights.headNorm,
      mean: a.headMean, inverse: a.headInverse, partials: scratch.partials, on: pool)
    memory.retainBackward(
      scratch.dprojected, scratch.dretained, a, configuration, shape: shape, documents: documents, initial: initial,
      dstates: scratch.dstates, precision: precision, on: pool)
    memory.rotation.apply(dprojected.columns(columns.q), inverse: true, on: pool)
    memory.rotation.apply(dprojected.columns(columns.k), inverse: true, scale: keyScale(shape), on: pool)
    projections.backward(
      Matrix(scratch.dnormed), gradients: (gradients.projections, gradients.projectionBias), dprojected, a.normed,
      partials: scratch.partials, on: pool)
    retentionNorm.backward(
      dx, gradients: gradients.retentionNorm, addend: dx, scratch.dnormed, a.input, a.statistics,
      partials: scratch.partials, on: pool)
  }

  /// dx is the gradient of the output before, and of `middle` after.
  private func feedForwardBackward(
    _ dx: Tensor, gradients: LayerParameters, _ a: BlockActivations, scratch: BackwardScratch, on pool: WorkerPool
  ) {
    down.backward(
      Matrix(scratch.dhidden), gradients: (gradients.down, gradients.downBias), Matrix(dx), a.hidden,
      partials: scratch.partials, on: pool)
    switch configuration.feedForward {
    case .glu:
      gatedLinearUnitBackward(
        scratch.dexpanded, scratch.dhidden, a.expanded, activation: configuration.activation, on: pool)
    case .mlp:
      activateBackward(scratch.dexpanded, scratch.dhidden, a.expanded, activation: configuration.activation, on: pool)
    }
    expansion.backward(
      Matrix(scratch.dnormed), gradients: (gradients.expansion, gradients.expansionBias), Matrix(scratch.dexpanded),
      a.middleNormed, partials: scratch.partials, on: pool)
    feedForwardNorm.backward(
      dx, gradients: gradients.feedForwardNorm, addend: dx, scratch.dnormed, a.middle, a.middleStatistics,
      partials: scratch.partials, on: pool)
  }

  /// K^-½, on the keys (docs/MATH.md, eq. 5).
  private func keyScale(_ shape: RetentionShape) -> Float { 1 / Float(shape.keyWidth).squareRoot() }
}

/// Gradients between the steps of a block, shared by all blocks.
struct BackwardScratch: Sendable {
  let dnormed: Tensor
  let dprojected: Tensor
  let dretained: Tensor
  let dexpanded: Tensor
  let dhidden: Tensor
  let partials: Tensor
  let dstates: ChunkStates?

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - rows: R.
  ///   - shape: Extents of a call.
  ///   - chunks: Chunks of a sequence; nil: another form than the chunkwise one.
  init(_ configuration: ModelConfiguration, rows: Int, shape: RetentionShape, chunks: Int?) {
    let c = configuration
    let (projected, expanded) = (ProjectionColumns(c).count, Self.expandedWidth(c))
    dnormed = Tensor(Shape(rows, c.width))
    dprojected = Tensor(Shape(rows, projected))
    dretained = Tensor(Shape(rows, c.valueWidth))
    dexpanded = Tensor(Shape(rows, expanded))
    dhidden = Tensor(Shape(rows, c.feedForwardWidth))
    partials = Tensor(Shape(partialCount(rows: rows) * Self.widestSum(c)))
    dstates = chunks.map { ChunkStates(shape, chunks: $0) }
  }

  /// Bytes of what `init` allocates.
  static func byteCount(_ c: ModelConfiguration, rows: Int, shape: RetentionShape, chunks: Int?) -> Double {
    let numbersPerRow =
      c.width + ProjectionColumns(c).count + c.valueWidth + expandedWidth(c) + c.feedForwardWidth
    return Tensor.byteCount(rows, numbersPerRow) + Tensor.byteCount(partialCount(rows: rows), widestSum(c))
      + (chunks.map { ChunkStates.byteCount(shape, chunks: $0) } ?? 0)
  }

  private static func expandedWidth(_ c: ModelConfiguration) -> Int {
    c.feedForward == .glu ? 2 * c.feedForwardWidth : c.feedForwardWidth
  }

  /// The widest weight gradient that is summed over rows: two rows of D for LayerNorm, or a bias, or a head norm.
  private static func widestSum(_ c: ModelConfiguration) -> Int {
    max(
      2 * c.width, ProjectionColumns(c).count, expandedWidth(c), c.valueWidth, c.hasHeadBias ? c.vocabularySize : 0)
  }
}

extension Tensor {
  /// Begins a residual sum with the stream itself; nothing to do where the stream is one tensor.
  fileprivate func startResidual(from stream: Tensor, on pool: WorkerPool) {
    if storage !== stream.storage || offset != stream.offset { copy(stream, on: pool) }
  }
}
