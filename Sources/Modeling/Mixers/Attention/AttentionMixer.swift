internal import Retention
internal import Tensors

/// Causal softmax attention with rotary positions, as in Llama (docs/MATH.md, eq. 42).
struct AttentionMixer: Mixer {
  static var type: LayerType { .attention }

  let configuration: ModelConfiguration
  let weights: AttentionTensors<WeightMatrix, Tensor>
  let layer: Int

  init(_ configuration: ModelConfiguration, _ weights: MixerTensors<WeightMatrix, Tensor>, layer: Int) {
    (self.configuration, self.weights, self.layer) = (configuration, AttentionTensors(weights), layer)
  }

  private var projections: Linear { Linear(weights.projections, weights.projectionBias) }
  private var output: Linear { Linear(weights.output, weights.outputBias) }

  func computeActivations(
    _ x: Tensor, _ a: AttentionActivations, _ memory: AttentionMemory, _ call: LayerCall, state: AttentionState,
    initial: MixerInitialState?, on pool: WorkerPool
  ) {
    projections.forward(Matrix(a.projected.all), x, precision: call.precision, on: pool)
    memory.rotation.apply(a.projected.q, as: .queries, on: pool)
    memory.rotation.apply(a.projected.k, as: .keys, scale: keyScale, on: pool)
    let outer = pool.charge(.retention)
    defer { pool.charge(outer) }
    memory.attend(a, configuration.attention, call, state: state, on: pool)
  }

  func addOutput(to stream: Tensor, _ a: AttentionActivations, _ call: LayerCall, on pool: WorkerPool) {
    call.addBranch(.mixer(layer: layer), output, to: stream, a.attended, on: pool)
  }

  func backward(
    _ dx: Tensor, gradients: MixerTensors<Tensor, Tensor>, _ dy: Tensor, _ x: Tensor, _ a: AttentionActivations,
    _ scratch: AttentionScratch, _ memory: AttentionMemory, partials: Tensor, _ call: LayerCall,
    initial: MixerInitialState?, on pool: WorkerPool
  ) {
    let gradients = AttentionTensors(gradients)
    let dbranch = call.branchGradient(.mixer(layer: layer), dy, on: pool)
    output.backward(
      Matrix(scratch.dattended), gradients: (gradients.output, gradients.outputBias), Matrix(dbranch), a.attended,
      partials: partials, precision: call.precision, on: pool)
    let outer = pool.charge(.retention)
    memory.attendBackward(scratch, a, configuration.attention, call, on: pool)
    pool.charge(outer)
    memory.rotation.apply(scratch.dprojected.q, as: .queries, inverse: true, on: pool)
    memory.rotation.apply(scratch.dprojected.k, as: .keys, inverse: true, scale: keyScale, on: pool)
    projections.backward(
      Matrix(dx), gradients: (gradients.projections, gradients.projectionBias), Matrix(scratch.dprojected.all), x,
      partials: partials, precision: call.precision, on: pool)
  }

  func observe(_ a: AttentionActivations, on pool: WorkerPool) -> (heads: Tensor, normed: Tensor) {
    (a.attended, a.attended)
  }

  /// K^-½, the factor of the scores.
  private var keyScale: Float { 1 / Float(configuration.attention.headWidth).squareRoot() }
}

extension AttentionMixer {
  static var weightPrefix: String { "attn" }

  static func resolve(_ c: inout ModelConfiguration) {
    var attention = c.attention
    attention.resolve(c)
    c.attention = attention
  }

  static func contradictions(_ c: ModelConfiguration) -> [(key: String, message: String)] {
    c.attention.contradictions(c)
  }

  static func addPlaces(
    to places: inout ParameterPlaces, prefix: String, _ c: ModelConfiguration
  ) -> MixerTensors<ParameterPlace, ParameterPlace> {
    c.attention.addPlaces(to: &places, prefix: prefix + "attn.", c)
  }

  static func feedForwardShare(_ c: ModelConfiguration) -> Double { 8 / 3 }
}
