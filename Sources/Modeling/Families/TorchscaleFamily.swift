internal import Configurations
internal import Retention
internal import Tensors

extension ForeignFamily {
  /// Weights of microsoft/torchscale, of both eras: LayerNorm with biases, and RMSNorm without.
  package static let torchscale = ForeignFamily(
    name: "torchscale",
    // That of the released package, 0.3.0; its repository later changed to Σ|R|.
    defaultScoreNorm: .absOfSum, prefix: { $0.prefix(before: "layers.0.retention.q_proj.weight") },
    plan: { try FamilyPlan(torchscale: $0, isHuggingFace: false) })

  /// Weights of syncdoth/RetNet since October 2023: torchscale's later era for Hugging Face.
  package static let syncdoth = ForeignFamily(
    name: "syncdoth", defaultScoreNorm: .sumOfAbs,
    prefix: { names in
      guard let outer = names.prefix(before: "model.", "layers.0.retention.q_proj.weight"),
        !names.contains(outer + "model.output_projection.weight"),
        // Without a head, which means a tied one, the names fit both families.
        names.contains(outer + "lm_head.weight") || !names.settings.has("share_decoder_input_output_embed")
      else { return nil }
      return outer
    }, plan: { try FamilyPlan(torchscale: $0, isHuggingFace: true) })
}

extension FamilyPlan {
  /// The plan for torchscale of both eras, and for syncdoth/RetNet, which prefixes the names with `model.`.
  ///
  /// Sources: torchscale/architecture/retnet.py and config.py, component/multiscale_retention.py;
  /// syncdoth/RetNet modeling_retnet.py.
  init(torchscale source: ForeignSource, isHuggingFace: Bool) throws {
    let own = isHuggingFace ? "model." : ""
    let head = isHuggingFace ? "lm_head" : "output_projection"
    let layer = own + "layers.0."
    let settings = source.settings
    try Self.refuseTorchscaleOptions(settings)

    let (vocabulary, width) = try source.matrix(own + "embed_tokens.weight")
    let (values, _) = try source.matrix(layer + "retention.v_proj.weight")
    let (inner, _) = try source.matrix(layer + "ffn.fc1.weight")
    let angles = try source.length(own + "retnet_rel_pos.angle")
    let inferred = try source.length(own + "retnet_rel_pos.decay") ?? angles.map { max(1, width / $0) }
    let isFirstEra = source.has(layer + "retention_layer_norm.bias")
    // fairseq's defaults for missing settings differ from those of RetNetConfig.
    let isFairseq = source.weights.prefix.hasSuffix("decoder.")

    var c = ModelConfiguration()
    c.width = width
    c.layers = source.layerCount(own + "layers.")
    c.heads = try source.heads("decoder_retention_heads", inferred: inferred)
    c.valueWidth = values
    c.feedForwardWidth = inner
    c.vocabularySize = vocabulary
    c.isHeadTied = try source.isHeadTied(
      head: head + ".weight", embedding: own + "embed_tokens.weight",
      key: isHuggingFace ? "tie_word_embeddings" : "share_decoder_input_output_embed")
    c.norm = isFirstEra ? .layer : .rms
    c.headNorm = c.norm
    c.headNormWeight = .none
    c.normEpsilon = try settings.value("layernorm_eps", Double.self) ?? (isFirstEra ? 1e-5 : 1e-6)
    let isUnscaled = try settings.value("no_scale_embedding", Bool.self) ?? !isFairseq
    c.embeddingScale = isUnscaled ? 1 : Double(width).squareRoot()
    c.hasEmbeddingNorm = source.has(own + "layernorm_embedding.weight")
    c.hasFinalNorm = source.has(own + "layer_norm.weight")
    c.hasGate = source.has(layer + "retention.g_proj.weight")
    c.hasRetentionBiases = source.has(layer + "retention.q_proj.bias")
    c.feedForward = source.has(layer + "ffn.gate.weight") ? .glu : .mlp
    c.hasFeedForwardBiases = source.has(layer + "ffn.fc1.bias")
    c.activation = try source.activation("activation_fn", default: isFairseq && !isFirstEra ? "swish" : "gelu")
    c.decay = try settings.value("use_lm_decay", Bool.self) == true ? .linspace : .powers
    c.rotationLayout = .interleaved
    c.rotationFrequencies = .linspace
    c.bosID = try settings.tokenID("bos_token_id")
    c.eosID = try settings.tokenID("eos_token_id")

    try settings.expect("decoder_embed_dim", c.width)
    try settings.expect("decoder_value_embed_dim", c.valueWidth)
    try settings.expect("decoder_ffn_embed_dim", c.feedForwardWidth)
    try settings.expect("decoder_layers", c.layers)
    try settings.expect("vocab_size", c.vocabularySize)

    configuration = c
    names = Self.torchscaleNames(own: own, head: head)
    buffers = [
      ForeignBuffer(name: own + "retnet_rel_pos.angle", content: .frequencies),
      ForeignBuffer(name: own + "retnet_rel_pos.decay", content: .logDecays),
    ]
    if settings.isEmpty {
      remarks = [
        "no settings beside the weights: activation \(c.activation.rawValue), embedding scale \(c.embeddingScale), "
          + "norm epsilon \(c.normEpsilon) are the defaults of \(isFairseq ? "fairseq" : "RetNetConfig")"
      ]
    }
  }

  private static func refuseTorchscaleOptions(_ settings: ForeignConfiguration) throws {
    try settings.refuse("deepnorm", unless: .boolean(false), "norms after the residual")
    try settings.refuse("decoder_normalize_before", unless: .boolean(true), "norms after the residual")
    try settings.refuse("multiway", unless: .boolean(false), "a multiway model")
    try settings.refuse("moe_freq", unless: .integer(0), "a mixture of experts")
    for key in [
      "parallel_residual", "rotary_percentage", "groupnorm_affine", "shared_attention_norm", "retnet_bottleneck",
      "hybrid_attention_layers", "retnet_stability_update",
    ] { try settings.refuse(key, "RetNet-XATL") }
  }

  private static func torchscaleNames(own: String, head: String) -> FamilyNames {
    FamilyNames(
      layers: own + "layers.",
      names: [
        "embed": own + "embed_tokens",
        "embed_norm": own + "layernorm_embedding",
        "ret_norm": "retention_layer_norm",
        "ret.q": "retention.q_proj",
        "ret.k": "retention.k_proj",
        "ret.v": "retention.v_proj",
        "ret.g": "retention.g_proj",
        "ret.o": "retention.out_proj",
        "ffn_norm": "final_layer_norm",
        "ffn.gate": "ffn.fc1",  // The activated branch; torchscale's `gate` is our up.
        "ffn.up": "ffn.gate",
        "ffn.down": "ffn.fc2",
        "ffn.fc1": "ffn.fc1",
        "ffn.fc2": "ffn.fc2",
        "final_norm": own + "layer_norm",
        "lm_head": head,
      ])
  }
}
