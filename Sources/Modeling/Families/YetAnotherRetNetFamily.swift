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
    }, plan: { try FamilyPlan(yetAnotherRetNet: $0) }, export: { try ForeignExport(yetAnotherRetNet: $0) })
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
    buffers = Self.yetAnotherBuffers(layers: min(c.layers, 1_000))
  }

  fileprivate static func yetAnotherBuffers(layers: Int) -> [ForeignBuffer] {
    (0..<layers).map { ForeignBuffer(name: "decoder.layers.\($0).retention.thetas", content: .frequencies) }
  }

  fileprivate static let yetAnotherNames = FamilyNames(
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

extension ForeignExport {
  /// A checkpoint of the package's training script, and the arguments of its `RetNet`.
  ///
  /// Sources: yet_another_retnet/retnet.py and the repository's training script.
  fileprivate init(yetAnotherRetNet weights: FoldedWeights) throws {
    var weights = weights
    weights.foldHeadNormWeight()
    weights.repeatKeyHeads()
    weights.setRotationLayout(.interleaved)
    _ = weights.foldEmbeddingScale(to: 1)
    let c = weights.configuration
    try weights.require(
      .yetAnotherRetNet,
      [
        "norm": [.text("layer")], "norm_epsilon": [.number(1e-6)], "embedding_scale": [.number(1)],
        "embedding_norm": [.boolean(false)], "final_norm": [.boolean(false)], "head_norm": [.text("layer")],
        "head_norm_weight": [.text("none")], "key_heads": [.integer(c.heads)], "key_width": [.integer(c.width)],
        "value_width": [.integer(c.width)], "tied_head": [.boolean(false)], "gate": [.boolean(true)],
        "feed_forward": [.text("mlp")], "activation": [.text("silu")], "retention_biases": [.boolean(true)],
        "feed_forward_biases": [.boolean(true)], "head_bias": [.boolean(true)], "decay": [.text("linspace")],
        "score_norm": [.text("none")], "rotation_layout": [.text("interleaved")],
        "rotation_frequencies": [.text("linspace")], "rotation_base": [.number(10_000)],
      ])
    self.init(
      .yetAnotherRetNet, weights, container: .trainingCheckpoint, names: FamilyPlan.yetAnotherNames,
      buffers: FamilyPlan.yetAnotherBuffers(layers: c.layers), scoreNorm: .none,
      settings: [
        "num_tokens": .integer(c.vocabularySize), "d_model": .integer(c.width), "nhead": .integer(c.heads),
        "num_layers": .integer(c.layers), "dim_feedforward": .integer(c.feedForwardWidth),
        "activation": .text("swish"), "norm_first": .boolean(true), "layer_norm_eps": .number(c.normEpsilon),
        "dropout": .number(0),
      ],
      loadingCode: """
        import json, torch
        from yet_another_retnet.retnet import RetNet

        model = RetNet(**json.load(open("DIR/config.json")))
        model.load_state_dict(torch.load("DIR/model.pt")["state_dict"])
        """)
  }
}
