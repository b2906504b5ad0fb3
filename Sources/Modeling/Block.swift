internal import Retention
internal import Tensors

/// One block: x ← x + gated retention of its norm, x ← x + gated feed-forward of its norm (docs/MATH.md, eq. 1).
struct Block {
  let configuration: ModelConfiguration
  let weights: LayerParameters

  /// Computes the block's output from `a.input`.
  ///
  /// - Parameters:
  ///   - output: The residual stream as it leaves [R, D]; `a.input` when no backward follows.
  ///   - a: Memory for the steps in between.
  ///   - shape: Extents; R = B·T.
  ///   - form: Which form of retention.
  ///   - state: What retention remembers, before and after.
  ///   - documents: As in `recurrentRetention`.
  ///   - memory: For retention; its rotation is prepared for these positions.
  ///   - pool: Where the work runs.
  func forward(
    _ output: Tensor, _ a: BlockActivations, shape: RetentionShape, form: RetentionForm, state: RetentionState,
    documents: Indices?, memory: RetentionMemory, on pool: WorkerPool
  ) {
    let epsilon = Float(configuration.normEpsilon)
    let columns = ProjectionColumns(configuration)
    let projected = Matrix(a.projected)
    let (q, k, v) = (projected.columns(columns.q), projected.columns(columns.k), projected.columns(columns.v))

    rmsNorm(a.normed, inverse: a.inverse, a.input, weight: weights.retentionNorm, epsilon: epsilon, on: pool)
    multiply(projected, Matrix(a.normed), Matrix(weights.projections), transposed: .second, on: pool)
    memory.rotation.apply(q, on: pool)
    memory.rotation.apply(k, scale: keyScale(shape), on: pool)
    memory.retain(
      a.retained, q, k, v, shape: shape, form: form, state: state, documents: documents, states: a.states, on: pool)
    gatedNorm(
      a.gated, inverse: a.headInverse, a.retained, projected.columns(columns.g), weight: weights.headNorm,
      epsilon: epsilon, on: pool)
    a.middle.startResidual(from: a.input, on: pool)
    multiply(
      Matrix(a.middle), Matrix(a.gated), Matrix(weights.output), transposed: .second, accumulate: true, on: pool)

    rmsNorm(
      a.middleNormed, inverse: a.middleInverse, a.middle, weight: weights.feedForwardNorm, epsilon: epsilon, on: pool)
    multiply(Matrix(a.expanded), Matrix(a.middleNormed), Matrix(weights.gateAndUp), transposed: .second, on: pool)
    swiGLU(a.hidden, a.expanded, on: pool)
    output.startResidual(from: a.middle, on: pool)
    multiply(Matrix(output), Matrix(a.hidden), Matrix(weights.down), transposed: .second, accumulate: true, on: pool)
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
  ///   - memory: As in the forward.
  ///   - pool: Where the work runs.
  func backward(
    _ dx: Tensor, gradients: LayerParameters, _ a: BlockActivations, scratch: BackwardScratch, shape: RetentionShape,
    documents: Indices?, memory: RetentionMemory, on pool: WorkerPool
  ) {
    let stream = Matrix(dx)

    // Feed-forward part: dx is the gradient of the output, and of `middle` by the residual.
    multiply(Matrix(scratch.dhidden), stream, Matrix(weights.down), transposed: .none, on: pool)
    multiply(Matrix(gradients.down), stream, Matrix(a.hidden), transposed: .first, accumulate: true, on: pool)
    swiGLUBackward(scratch.dexpanded, scratch.dhidden, a.expanded, on: pool)
    let dexpanded = Matrix(scratch.dexpanded)
    multiply(
      Matrix(gradients.gateAndUp), dexpanded, Matrix(a.middleNormed), transposed: .first, accumulate: true, on: pool)
    multiply(Matrix(scratch.dnormed), dexpanded, Matrix(weights.gateAndUp), transposed: .none, on: pool)
    rmsNormBackward(
      dx, dweight: gradients.feedForwardNorm, addend: dx, scratch.dnormed, a.middle, weight: weights.feedForwardNorm,
      inverse: a.middleInverse, partials: scratch.partials, on: pool)

    // Retention part: dx is now the gradient of `middle`, and of the input by the residual.
    multiply(Matrix(scratch.dretained), stream, Matrix(weights.output), transposed: .none, on: pool)
    multiply(Matrix(gradients.output), stream, Matrix(a.gated), transposed: .first, accumulate: true, on: pool)
    let columns = ProjectionColumns(configuration)
    let (projected, dprojected) = (Matrix(a.projected), Matrix(scratch.dprojected))
    gatedNormBackward(
      scratch.dretained, dg: dprojected.columns(columns.g), dweight: gradients.headNorm, scratch.dretained, a.retained,
      projected.columns(columns.g), weight: weights.headNorm, inverse: a.headInverse, partials: scratch.partials,
      on: pool)
    let (dq, dk) = (dprojected.columns(columns.q), dprojected.columns(columns.k))
    memory.retainBackward(
      dq: dq, dk: dk, dv: dprojected.columns(columns.v), scratch.dretained, projected.columns(columns.q),
      projected.columns(columns.k), projected.columns(columns.v), shape: shape, documents: documents,
      states: a.states, dstates: scratch.dstates, on: pool)
    memory.rotation.apply(dq, inverse: true, on: pool)
    memory.rotation.apply(dk, inverse: true, scale: keyScale(shape), on: pool)
    multiply(
      Matrix(gradients.projections), dprojected, Matrix(a.normed), transposed: .first, accumulate: true, on: pool)
    multiply(Matrix(scratch.dnormed), dprojected, Matrix(weights.projections), transposed: .none, on: pool)
    rmsNormBackward(
      dx, dweight: gradients.retentionNorm, addend: dx, scratch.dnormed, a.input, weight: weights.retentionNorm,
      inverse: a.inverse, partials: scratch.partials, on: pool)
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
  let dstates: ChunkStates

  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - rows: R.
  ///   - shape: Extents of a call.
  ///   - chunks: Chunks of a sequence.
  init(_ configuration: ModelConfiguration, rows: Int, shape: RetentionShape, chunks: Int) {
    let c = configuration
    dnormed = Tensor(Shape(rows, c.width))
    dprojected = Tensor(Shape(rows, 2 * c.keyWidth + 2 * c.valueWidth))
    dretained = Tensor(Shape(rows, c.valueWidth))
    dexpanded = Tensor(Shape(rows, 2 * c.feedForwardWidth))
    dhidden = Tensor(Shape(rows, c.feedForwardWidth))
    partials = Tensor(Shape(partialCount(rows: rows) * max(c.width, shape.valueWidth)))
    dstates = ChunkStates(shape, chunks: chunks)
  }
}

extension Tensor {
  /// Begins a residual sum with the stream itself; nothing to do where the stream is one tensor.
  fileprivate func startResidual(from stream: Tensor, on pool: WorkerPool) {
    if storage !== stream.storage || offset != stream.offset { copy(stream, on: pool) }
  }
}
