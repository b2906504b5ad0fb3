internal import Retention
internal import Tensors

/// One block, which adds a mixer's output and a feed-forward part's output to the residual stream.
///
/// x ← x + mixer(norm(x)), x ← x + feedForward(norm(x)) (docs/MATH.md, eq. 1).
struct Block {
  let configuration: ModelConfiguration
  let weights: LayerTensors<WeightMatrix, Tensor>
  /// The number of the block, from 0.
  let index: Int

  let mixer: any Mixer

  init(_ configuration: ModelConfiguration, _ weights: LayerTensors<WeightMatrix, Tensor>, index: Int) {
    (self.configuration, self.weights, self.index) = (configuration, weights, index)
    mixer = configuration.layerTypes[index].mixer.init(configuration, weights.mixer, layer: index)
  }

  private var gateUp: Linear { Linear(weights.gateUp, weights.gateUpBias) }
  private var down: Linear { Linear(weights.down, weights.downBias) }
  private var mixerNorm: Norm { Norm(configuration, weights.mixerNorm) }
  private var feedForwardNorm: Norm { Norm(configuration, weights.feedForwardNorm) }

  /// Computes the block's output from `a.stream`.
  ///
  /// - Parameters:
  ///   - output: Receives the residual stream behind the block [R, D]; may be `a.stream` if no backward follows.
  ///   - a: Its stream is read; receives the activations.
  ///   - call: The arguments that all layers share; its memory is prepared for these positions.
  ///   - state: The mixer's state before the call, replaced by that after it.
  ///   - initial: The state that each document starts from; nil: zero.
  ///   - pool: Where the work runs.
  func forward(
    _ output: Tensor, _ a: BlockActivations, _ call: LayerCall, state: any MixerState,
    initial: MixerInitialState? = nil, on pool: WorkerPool
  ) {
    computeActivations(a, call, state: state, initial: initial, on: pool)
    output.startResidual(from: a.middle, on: pool)
    call.addBranch(.feedForward(layer: index), down, to: output, a.hidden, on: pool)
  }

  /// Computes from `a.stream` everything that the backward reads: `forward` without its last product.
  func computeActivations(
    _ a: BlockActivations, _ call: LayerCall, state: any MixerState, initial: MixerInitialState? = nil,
    on pool: WorkerPool
  ) {
    if let residual = weights.residual, let x0 = call.x0 {
      weightedSum(a.input, a.stream, x0, factors: (residual.stream, residual.embedding), on: pool)
    }
    mixerNorm.forward(a.normed, a.statistics, a.input, on: pool)
    mixer.computeActivations(a.normed, a.mixer, call, state: state, initial: initial, on: pool)
    a.middle.startResidual(from: a.input, on: pool)
    mixer.addOutput(to: a.middle, a.mixer, call, on: pool)

    feedForwardNorm.forward(a.middleNormed, a.middleStatistics, a.middle, on: pool)
    gateUp.forward(Matrix(a.gateUp), a.middleNormed, precision: call.precision, on: pool)
    switch configuration.feedForward {
    case .glu: gatedLinearUnit(a.hidden, a.gateUp, activation: configuration.activation, on: pool)
    case .mlp: activate(a.hidden, a.gateUp, activation: configuration.activation, on: pool)
    }
  }

  /// Turns the gradient of the block's output into that of its stream, and adds to the gradients of the weights.
  ///
  /// - Parameters:
  ///   - dx: Gradient of the residual stream [R, D]: of the output before the call, of `a.stream` after it.
  ///   - gradients: Gradients of the weights, added to.
  ///   - a: As the forward wrote it.
  ///   - scratch: Memory for intermediate gradients.
  ///   - call: As in the forward.
  ///   - initial: As in the forward.
  ///   - pool: Where the work runs.
  func backward(
    _ dx: Tensor, gradients: LayerTensors<Tensor, Tensor>, _ a: BlockActivations, scratch: BackwardScratch,
    _ call: LayerCall, initial: MixerInitialState? = nil, on pool: WorkerPool
  ) {
    feedForwardBackward(dx, gradients: gradients, a, scratch: scratch, call, on: pool)
    // dx is now the gradient of `middle`, and, through the residual sum, a part of the gradient of the input.
    mixer.backward(
      scratch.dnormed, gradients: gradients.mixer, dx, a.normed, a.mixer,
      scratch.mixers[configuration.layerTypes[index]], partials: scratch.partials, call, initial: initial, on: pool)
    mixerNorm.backward(
      dx, gradients: gradients.mixerNorm, addend: dx, scratch.dnormed, a.input, a.statistics,
      partials: scratch.partials, on: pool)
    if let residual = weights.residual, let dresidual = gradients.residual, let x0 = call.x0, let dx0 = scratch.dx0 {
      weightedSumBackward(
        dx, dz: dx0, dfactors: (dresidual.stream, dresidual.embedding), dx, a.stream, x0,
        factors: (residual.stream, residual.embedding), partials: scratch.partials, on: pool)
    }
  }

  /// Turns dx from the gradient of the output into that of `middle`.
  private func feedForwardBackward(
    _ dx: Tensor, gradients: LayerTensors<Tensor, Tensor>, _ a: BlockActivations, scratch: BackwardScratch,
    _ call: LayerCall, on pool: WorkerPool
  ) {
    let dbranch = call.branchGradient(.feedForward(layer: index), dx, on: pool)
    down.backward(
      Matrix(scratch.dhidden), gradients: (gradients.down, gradients.downBias), Matrix(dbranch), a.hidden,
      partials: scratch.partials, precision: call.precision, on: pool)
    switch configuration.feedForward {
    case .glu:
      gatedLinearUnitBackward(
        scratch.dgateUp, scratch.dhidden, a.gateUp, activation: configuration.activation, on: pool)
    case .mlp:
      activateBackward(scratch.dgateUp, scratch.dhidden, a.gateUp, activation: configuration.activation, on: pool)
    }
    gateUp.backward(
      Matrix(scratch.dnormed), gradients: (gradients.gateUp, gradients.gateUpBias), Matrix(scratch.dgateUp),
      a.middleNormed, partials: scratch.partials, precision: call.precision, on: pool)
    feedForwardNorm.backward(
      dx, gradients: gradients.feedForwardNorm, addend: dx, scratch.dnormed, a.middle, a.middleStatistics,
      partials: scratch.partials, on: pool)
  }
}

extension Tensor {
  /// Starts a residual sum with a copy of the stream; does nothing if both are the same tensor.
  fileprivate func startResidual(from stream: Tensor, on pool: WorkerPool) {
    if storage !== stream.storage || offset != stream.offset { copy(stream, on: pool) }
  }
}
