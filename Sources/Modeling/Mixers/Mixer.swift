internal import Retention
internal import Tensors

/// The part of a block that mixes the tokens of a sequence: gated retention (docs/MATH.md, eq. 1 to 15).
///
/// All that a kind of mixer has of its own lies in this folder: its weights (`MixerTensors`), its activations
/// (`MixerActivations`, `MixerScratch`), what it remembers (`MixerState`), the memory that the layers share
/// (`MixerMemory`), and its forward and backward here. The rest of the program asks these types and does not know
/// which kind it is: block, network, parameters, state files, forecasts.
struct Mixer {
  let configuration: ModelConfiguration
  let weights: MixerTensors<WeightMatrix, Tensor>

  private var projections: Linear { Linear(weights.projections, weights.projectionBias) }
  private var output: Linear { Linear(weights.output, weights.outputBias) }

  /// What a mixer adds to the residual stream, without its last product: everything that the backward reads.
  ///
  /// - Parameters:
  ///   - x: The norm of the residual stream [R, D].
  ///   - a: Memory for the steps in between.
  ///   - call: What the layers of the call share; its rotation is prepared for these positions.
  ///   - state: What is remembered, before and after.
  ///   - initial: What each document starts from; nil: nothing.
  ///   - pool: Where the work runs.
  func computeActivations(
    _ x: Tensor, _ a: MixerActivations, _ call: LayerCall, state: MixerState, initial: MixerInitialState?,
    on pool: WorkerPool
  ) {
    projections.forward(Matrix(a.projected.all), x, precision: call.precision, on: pool)
    call.memory.rotation.apply(a.projected.q, on: pool)
    call.memory.rotation.apply(a.projected.k, scale: keyScale(call.shape), on: pool)
    call.memory.retain(a, norm: configuration.scoreNorm, call, state: state, initial: initial, on: pool)
    normalizeHeads(a.gated, a, gate: a.projected.g, on: pool)
  }

  /// Adds what `computeActivations` has found to the residual stream [R, D].
  func addOutput(to stream: Tensor, _ a: MixerActivations, _ call: LayerCall, on pool: WorkerPool) {
    output.forward(Matrix(stream), a.gated, accumulate: true, precision: call.precision, on: pool)
  }

  /// The head norm of what was retained, times the gate where one is given.
  func normalizeHeads(_ output: Tensor, _ a: MixerActivations, gate: Matrix?, on pool: WorkerPool) {
    gatedNorm(
      output, mean: a.headMean, inverse: a.headInverse, a.retained, gate, norm: configuration.headNorm,
      weight: weights.headNorm, epsilon: Float(configuration.normEpsilon), on: pool)
  }

  /// The gradient of the mixer's input, and of its weights.
  ///
  /// - Parameters:
  ///   - dx: Receives the gradient of the input [R, D].
  ///   - gradients: The weights' gradients, added to.
  ///   - dy: Gradient of the residual stream behind the mixer [R, D].
  ///   - x: The input of the forward [R, D].
  ///   - a: As the forward left it.
  ///   - scratch: Memory for the gradients in between.
  ///   - partials: Scratch for sums over rows.
  ///   - call: As in the forward.
  ///   - initial: As in the forward.
  ///   - pool: Where the work runs.
  func backward(
    _ dx: Tensor, gradients: MixerTensors<Tensor, Tensor>, _ dy: Tensor, _ x: Tensor, _ a: MixerActivations,
    _ scratch: MixerScratch, partials: Tensor, _ call: LayerCall, initial: MixerInitialState?, on pool: WorkerPool
  ) {
    output.backward(
      Matrix(scratch.dretained), gradients: (gradients.output, gradients.outputBias), Matrix(dy), a.gated,
      partials: partials, precision: call.precision, on: pool)
    gatedNormBackward(
      scratch.dretained, dg: scratch.dprojected.g, dweight: gradients.headNorm, scratch.dretained, a.retained,
      a.projected.g, norm: configuration.headNorm, weight: weights.headNorm, mean: a.headMean, inverse: a.headInverse,
      partials: partials, on: pool)
    call.memory.retainBackward(scratch, a, call, initial: initial, on: pool)
    call.memory.rotation.apply(scratch.dprojected.q, inverse: true, on: pool)
    call.memory.rotation.apply(scratch.dprojected.k, inverse: true, scale: keyScale(call.shape), on: pool)
    projections.backward(
      Matrix(dx), gradients: (gradients.projections, gradients.projectionBias), Matrix(scratch.dprojected.all), x,
      partials: partials, precision: call.precision, on: pool)
  }

  /// K^-½, on the keys (docs/MATH.md, eq. 5).
  private func keyScale(_ shape: RetentionShape) -> Float { 1 / Float(shape.keyWidth).squareRoot() }
}

/// What all layers of a call share.
struct LayerCall {
  /// Extents; R = B·T.
  let shape: RetentionShape
  /// Which form of retention: the memory's, or recurrent.
  let form: RetentionForm
  /// As in `recurrentRetention`; nil: one document, which goes on.
  let documents: Indices?
  /// Of the products with Float32 weights and of those in chunkwise retention; norms, decay, states and sums are Float32.
  let precision: ProductPrecision
  let memory: MixerMemory
}
