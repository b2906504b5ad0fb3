internal import Retention
internal import Tensors

/// The part of a block that mixes the tokens of a sequence: gated retention (docs/MATH.md, eq. 1 to 15).
///
/// This folder holds everything that is specific to a kind of mixer: its weights (`MixerTensors`), its activations
/// (`MixerActivations`, `MixerScratch`), its recurrent state (`MixerState`), the memory that the layers share
/// (`MixerMemory`), and its forward and backward (this file). The rest of the program uses these types and does not
/// depend on the kind: block, network, parameters, state files, forecasts.
struct Mixer {
  let configuration: ModelConfiguration
  let weights: MixerTensors<WeightMatrix, Tensor>
  /// The number of the block, from 0.
  let layer: Int

  private var projections: Linear { Linear(weights.projections, weights.projectionBias) }
  private var output: Linear { Linear(weights.output, weights.outputBias) }

  /// Computes the mixer's output except for its last product: everything that the backward reads.
  ///
  /// - Parameters:
  ///   - x: The norm of the residual stream [R, D].
  ///   - a: Receives the activations.
  ///   - call: The arguments that all layers share; its rotation is prepared for these positions.
  ///   - state: The recurrent state before the call, replaced by that after it.
  ///   - initial: The state that each document starts from; nil: zero.
  ///   - pool: Where the work runs.
  func computeActivations(
    _ x: Tensor, _ a: MixerActivations, _ call: LayerCall, state: MixerState, initial: MixerInitialState?,
    on pool: WorkerPool
  ) {
    projections.forward(Matrix(a.projected.all), x, precision: call.precision, on: pool)
    call.memory.rotation.apply(a.projected.q, as: .queries, on: pool)
    call.memory.rotation.apply(a.projected.k, as: .keys, scale: keyScale(call.shape), on: pool)
    call.memory.retain(a, norm: configuration.scoreNorm, call, state: state, initial: initial, on: pool)
    normalizeHeads(a.gated, a, gate: a.projected.g, on: pool)
  }

  /// Adds the mixer's output to the residual stream [R, D]: the last product, with the result of `computeActivations`.
  func addOutput(to stream: Tensor, _ a: MixerActivations, _ call: LayerCall, on pool: WorkerPool) {
    call.addBranch(.mixer(layer: layer), output, to: stream, a.gated, on: pool)
  }

  /// The head norm of the retention output, times the gate if there is one.
  func normalizeHeads(_ output: Tensor, _ a: MixerActivations, gate: Matrix?, on pool: WorkerPool) {
    gatedNorm(
      output, mean: a.headMean, inverse: a.headInverse, a.retained, gate, norm: configuration.headNorm,
      weight: weights.headNorm, bias: weights.headNormBias, epsilon: Float(configuration.normEpsilon), on: pool)
  }

  /// Computes the gradient of the mixer's input, and adds to the gradients of its weights.
  ///
  /// - Parameters:
  ///   - dx: Receives the gradient of the input [R, D].
  ///   - gradients: The weights' gradients, added to.
  ///   - dy: Gradient of the residual stream behind the mixer [R, D].
  ///   - x: The input of the forward [R, D].
  ///   - a: As the forward wrote it.
  ///   - scratch: Memory for intermediate gradients.
  ///   - partials: Scratch for sums over rows.
  ///   - call: As in the forward.
  ///   - initial: As in the forward.
  ///   - pool: Where the work runs.
  func backward(
    _ dx: Tensor, gradients: MixerTensors<Tensor, Tensor>, _ dy: Tensor, _ x: Tensor, _ a: MixerActivations,
    _ scratch: MixerScratch, partials: Tensor, _ call: LayerCall, initial: MixerInitialState?, on pool: WorkerPool
  ) {
    let dbranch = call.branchGradient(.mixer(layer: layer), dy, on: pool)
    output.backward(
      Matrix(scratch.dretained), gradients: (gradients.output, gradients.outputBias), Matrix(dbranch), a.gated,
      partials: partials, precision: call.precision, on: pool)
    gatedNormBackward(
      scratch.dretained, dg: scratch.dprojected.g, dweight: gradients.headNorm, dbias: gradients.headNormBias,
      scratch.dretained, a.retained, a.projected.g, norm: configuration.headNorm, weight: weights.headNorm,
      bias: weights.headNormBias, mean: a.headMean, inverse: a.headInverse, partials: partials, on: pool)
    call.memory.retainBackward(scratch, a, call, initial: initial, on: pool)
    call.memory.rotation.apply(scratch.dprojected.q, as: .queries, inverse: true, on: pool)
    call.memory.rotation.apply(
      scratch.dprojected.k, as: .keys, inverse: true, scale: keyScale(call.shape), on: pool)
    projections.backward(
      Matrix(dx), gradients: (gradients.projections, gradients.projectionBias), Matrix(scratch.dprojected.all), x,
      partials: partials, precision: call.precision, on: pool)
  }

  /// K^-½, the factor of the keys (docs/MATH.md, eq. 5).
  private func keyScale(_ shape: RetentionShape) -> Float { 1 / Float(shape.keyWidth).squareRoot() }
}

/// The arguments of a call that all layers share.
struct LayerCall {
  /// The extents; R = B·T.
  let shape: RetentionShape
  /// The form of retention: that of the memory, or recurrent.
  let form: RetentionForm
  /// As in `recurrentRetention`; nil: one document that continues.
  let documentStarts: Indices?
  /// Precision of products with Float32 weights and of products inside chunkwise retention.
  ///
  /// Norms, decay, states and sums are Float32 in any case.
  let precision: ProductPrecision
  let memory: MixerMemory
  /// The residual stream before the first block [R, D]; nil without an embedding residual.
  let x0: Tensor?
  /// nil: no dropout.
  let dropout: BranchDropout?
}
