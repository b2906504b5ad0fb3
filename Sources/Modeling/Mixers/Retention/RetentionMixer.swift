internal import Retention
internal import Tensors

/// Gated retention (docs/MATH.md, eq. 1 to 15).
struct RetentionMixer: Mixer {
  static var type: LayerType { .retention }

  let configuration: ModelConfiguration
  let weights: RetentionTensors<WeightMatrix, Tensor>
  let layer: Int

  init(_ configuration: ModelConfiguration, _ weights: MixerTensors<WeightMatrix, Tensor>, layer: Int) {
    (self.configuration, self.weights, self.layer) = (configuration, RetentionTensors(weights), layer)
  }

  private var projections: Linear { Linear(weights.projections, weights.projectionBias) }
  private var output: Linear { Linear(weights.output, weights.outputBias) }

  func computeActivations(
    _ x: Tensor, _ a: RetentionActivations, _ memory: RetentionMemory, _ call: LayerCall, state: RetentionLayerState,
    initial: MixerInitialState?, on pool: WorkerPool
  ) {
    projections.forward(Matrix(a.projected.all), x, precision: call.precision, on: pool)
    memory.rotation.apply(a.projected.q, as: .queries, on: pool)
    memory.rotation.apply(a.projected.k, as: .keys, scale: keyScale, on: pool)
    memory.retain(a, configuration, call, state: state, initial: initial, on: pool)
    normalizeHeads(a.gated, a, gate: a.projected.g, on: pool)
  }

  func addOutput(to stream: Tensor, _ a: RetentionActivations, _ call: LayerCall, on pool: WorkerPool) {
    call.addBranch(.mixer(layer: layer), output, to: stream, a.gated, on: pool)
  }

  /// The head norm of the retention output, times the gate if there is one.
  private func normalizeHeads(_ output: Tensor, _ a: RetentionActivations, gate: Matrix?, on pool: WorkerPool) {
    gatedNorm(
      output, mean: a.headMean, inverse: a.headInverse, a.retained, gate, norm: configuration.headNorm,
      weight: weights.headNorm, bias: weights.headNormBias, epsilon: Float(configuration.normEpsilon), on: pool)
  }

  func backward(
    _ dx: Tensor, gradients: MixerTensors<Tensor, Tensor>, _ dy: Tensor, _ x: Tensor, _ a: RetentionActivations,
    _ scratch: RetentionScratch, _ memory: RetentionMemory, partials: Tensor, _ call: LayerCall,
    initial: MixerInitialState?, on pool: WorkerPool
  ) {
    let gradients = RetentionTensors(gradients)
    let dbranch = call.branchGradient(.mixer(layer: layer), dy, on: pool)
    output.backward(
      Matrix(scratch.dretained), gradients: (gradients.output, gradients.outputBias), Matrix(dbranch), a.gated,
      partials: partials, precision: call.precision, on: pool)
    gatedNormBackward(
      scratch.dretained, dg: scratch.dprojected.g, dweight: gradients.headNorm, dbias: gradients.headNormBias,
      scratch.dretained, a.retained, a.projected.g, norm: configuration.headNorm, weight: weights.headNorm,
      bias: weights.headNormBias, mean: a.headMean, inverse: a.headInverse, partials: partials, on: pool)
    memory.retainBackward(scratch, a, configuration, call, initial: initial, on: pool)
    memory.rotation.apply(scratch.dprojected.q, as: .queries, inverse: true, on: pool)
    memory.rotation.apply(scratch.dprojected.k, as: .keys, inverse: true, scale: keyScale, on: pool)
    projections.backward(
      Matrix(dx), gradients: (gradients.projections, gradients.projectionBias), Matrix(scratch.dprojected.all), x,
      partials: partials, precision: call.precision, on: pool)
  }

  func observe(_ a: RetentionActivations, on pool: WorkerPool) -> (heads: Tensor, normed: Tensor) {
    normalizeHeads(a.gated, a, gate: nil, on: pool)
    return (a.retained, a.gated)
  }

  /// K^-½, the factor of the keys (docs/MATH.md, eq. 5).
  private var keyScale: Float { 1 / Float(configuration.keyWidth / configuration.heads).squareRoot() }
}

extension RetentionMixer {
  /// Its keys are resolved in any case.
  static func resolve(_ c: inout ModelConfiguration) {}

  static func feedForwardShare(_ c: ModelConfiguration) -> Double { 4 / 3 }

  static func contradictions(_ c: ModelConfiguration) -> [(key: String, message: String)] {
    var found: [(key: String, message: String)] = []
    if c.keyWidth % c.heads != 0 || c.keyWidth / c.heads % 2 != 0 {
      found.append(("key_width", "expected a multiple of 2 × heads (\(2 * c.heads)), found \(c.keyWidth)"))
    }
    if c.valueWidth % c.heads != 0 {
      found.append(("value_width", "expected a multiple of heads (\(c.heads)), found \(c.valueWidth)"))
    }
    if c.heads % c.keyHeads != 0 {
      found.append(("key_heads", "expected a divisor of heads (\(c.heads)), found \(c.keyHeads)"))
    }
    if c.headNorm == .none, c.headNormWeight != .none {
      found.append(("head_norm_weight", "expected none, as head_norm is none, found \(c.headNormWeight.rawValue)"))
    }
    if c.hasHeadNormBias, c.headNormWeight == .none {
      found.append(("head_norm_bias", "expected false, as head_norm_weight is none, found true"))
    }
    if c.rotationSpan == .width, c.rotationLayout != .interleaved || c.keyHeads != c.heads {
      found.append(
        ("rotation_span", "expected head, unless rotation_layout is interleaved and key_heads is heads, found width"))
    }
    return found
  }
}
