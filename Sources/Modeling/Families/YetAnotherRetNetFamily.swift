internal import Configurations
internal import Retention
internal import Tensors

extension ForeignFamily {
  /// Weights of fkodom/yet-another-retnet.
  package static let yetAnotherRetNet = ForeignFamily(
    name: "yet-another-retnet", defaultScoreNorm: .none,
    prefix: { names in
      // The names are torchscale's, except for the head.
      names.prefix(before: "decoder.", "layers.0.retention.q_proj.weight").flatMap {
        names.contains($0 + "out.weight") ? $0 : nil
      }
    }, plan: { try FamilyPlan(yetAnotherRetNet: $0) })
}

extension FamilyPlan {
  /// The plan for fkodom/yet-another-retnet.
  ///
  /// Sources: yet_another_retnet/retnet.py and retention.py.
  init(yetAnotherRetNet source: ForeignSource) throws {
    let settings = source.settings
    try settings.refuse("norm_first", unless: .boolean(true), "norms after retention")
    // There the head norm always has epsilon 1e-6; here all norms share one epsilon.
    try settings.refuse("layer_norm_eps", unless: .number(1e-6), "norms of two epsilons")
    // There the gate uses the same nonlinearity; here it is always swish.
    let activation = try source.activation("activation", default: "swish")
    guard activation == .silu else {
      throw ModelFileError.unsupported(path: settings.path, found: "a gate of \(activation.rawValue)")
    }

    let layer = "decoder.layers.0."
    let (vocabulary, width) = try source.matrix("embedding.weight")
    let (inner, _) = try source.matrix(layer + "linear1.weight")
    let frequencies = try source.length(layer + "retention.thetas")

    var c = ModelConfiguration()
    c.width = width
    c.layers = source.layerCount("decoder.layers.")
    c.heads = try source.heads("nhead", inferred: frequencies.map { max(1, width / $0) })
    c.valueWidth = width
    c.feedForwardWidth = inner
    c.vocabularySize = vocabulary
    c.norm = .layer
    c.normEpsilon = 1e-6
    c.hasFinalNorm = false
    c.headNorm = .layer
    c.headNormWeight = .none
    c.feedForward = .mlp
    c.hasRetentionBiases = true
    c.hasFeedForwardBiases = true
    c.hasHeadBias = true
    c.decay = .linspace
    c.rotationLayout = .interleaved
    c.rotationFrequencies = .linspace

    try settings.expect("num_tokens", c.vocabularySize)
    try settings.expect("d_model", c.width)
    try settings.expect("num_layers", c.layers)
    try settings.expect("dim_feedforward", c.feedForwardWidth)

    configuration = c
    names = Self.yetAnotherNames
    buffers = (0..<min(c.layers, 1_000)).map {
      ForeignBuffer(name: "decoder.layers.\($0).retention.thetas", content: .frequencies)
    }
  }

  private static let yetAnotherNames = FamilyNames(
    layers: "decoder.layers.",
    names: [
      "embed": "embedding",
      "ret_norm": "norm1",
      "ret.q": "retention.q_proj",
      "ret.k": "retention.k_proj",
      "ret.v": "retention.v_proj",
      "ret.g": "retention.g_proj",
      "ret.o": "retention.out_proj",
      "ffn_norm": "norm2",
      "ffn.fc1": "linear1",
      "ffn.fc2": "linear2",
      "lm_head": "out",
    ])
}
