internal import Retention
internal import Tensors

/// Linear attention (Katharopoulos et al. 2020, arXiv 2006.16236): o = φ(q) S / (φ(q)·z + ε) (docs/MATH.md, eq. 44).
///
/// It is retention of φ(q) and φ(k), φ = elu + 1, without decay and rotation. The values have a column of ones, whose
/// retention is the divisor. So all three forms are those of retention.
struct LinearAttentionMixer: Mixer {
  static var type: LayerType { .linearAttention }

  let configuration: ModelConfiguration
  let weights: AttentionTensors<WeightMatrix, Tensor>
  let layer: Int

  /// ε of the divisor, as in the authors' program (fast_transformers causal_linear_attention.py).
  private static let epsilon: Float = 1e-6

  init(_ configuration: ModelConfiguration, _ weights: MixerTensors<WeightMatrix, Tensor>, layer: Int) {
    (self.configuration, self.weights, self.layer) = (configuration, AttentionTensors(weights), layer)
  }

  private var heads: Int { configuration.attention.heads }
  private var keyHeads: Int { configuration.attention.keyHeads }
  private var projections: Linear { Linear(weights.projections, weights.projectionBias) }
  private var output: Linear { Linear(weights.output, weights.outputBias) }

  func computeActivations(
    _ x: Tensor, _ a: LinearAttentionActivations, _ memory: LinearAttentionMemory, _ call: LayerCall,
    state: RetentionLayerState, initial: MixerInitialState?, on pool: WorkerPool
  ) {
    projections.forward(Matrix(a.projected.all), x, precision: call.precision, on: pool)
    eluFeatures(a.features.q, a.projected.q, on: pool)
    eluFeatures(a.features.k, a.projected.k, on: pool)
    appendOnes(Matrix(a.values), a.projected.v, heads: keyHeads, on: pool)
    memory.retain(
      a, configuration.attention.linearShape(call.shape), call, state: state.retention, on: pool)
    divideBySums(a.attended, a.sums, heads: heads, epsilon: Self.epsilon, on: pool)
  }

  func addOutput(to stream: Tensor, _ a: LinearAttentionActivations, _ call: LayerCall, on pool: WorkerPool) {
    call.addBranch(.mixer(layer: layer), output, to: stream, a.attended, on: pool)
  }

  func backward(
    _ dx: Tensor, gradients: MixerTensors<Tensor, Tensor>, _ dy: Tensor, _ x: Tensor, _ a: LinearAttentionActivations,
    _ scratch: LinearAttentionScratch, _ memory: LinearAttentionMemory, partials: Tensor, _ call: LayerCall,
    initial: MixerInitialState?, on pool: WorkerPool
  ) {
    let gradients = AttentionTensors(gradients)
    let dbranch = call.branchGradient(.mixer(layer: layer), dy, on: pool)
    output.backward(
      Matrix(scratch.dattended), gradients: (gradients.output, gradients.outputBias), Matrix(dbranch), a.attended,
      partials: partials, precision: call.precision, on: pool)
    divideBySumsBackward(
      scratch.dsums, scratch.dattended, a.attended, a.sums, heads: heads, epsilon: Self.epsilon, on: pool)
    memory.retainBackward(scratch, a, configuration.attention.linearShape(call.shape), call, on: pool)
    eluFeaturesBackward(scratch.dprojected.q, scratch.dfeatures.q, a.features.q, on: pool)
    eluFeaturesBackward(scratch.dprojected.k, scratch.dfeatures.k, a.features.k, on: pool)
    removeOnes(scratch.dprojected.v, Matrix(scratch.dvalues), heads: keyHeads, on: pool)
    projections.backward(
      Matrix(dx), gradients: (gradients.projections, gradients.projectionBias), Matrix(scratch.dprojected.all), x,
      partials: partials, precision: call.precision, on: pool)
  }

  func observe(_ a: LinearAttentionActivations, on pool: WorkerPool) -> (heads: Tensor, normed: Tensor) {
    (a.attended, a.attended)
  }
}

extension LinearAttentionMixer {
  static var weightPrefix: String { "lin" }

  static func resolve(_ c: inout ModelConfiguration) { AttentionMixer.resolve(&c) }

  static func contradictions(_ c: ModelConfiguration) -> [(key: String, message: String)] {
    c.attention.contradictions(c)
  }

  static func addPlaces(
    to places: inout ParameterPlaces, prefix: String, _ c: ModelConfiguration
  ) -> MixerTensors<ParameterPlace, ParameterPlace> {
    c.attention.addPlaces(to: &places, prefix: prefix + "lin.", c)
  }

  static func feedForwardShare(_ c: ModelConfiguration) -> Double { 8 / 3 }
}
