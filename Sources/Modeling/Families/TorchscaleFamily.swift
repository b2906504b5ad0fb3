internal import Configurations
internal import Retention
internal import Tensors

extension ForeignFamily {
  /// Weights of microsoft/torchscale, of both eras: LayerNorm with biases, and RMSNorm without.
  package static let torchscale = ForeignFamily(
    name: "torchscale",
    // That of the released package, 0.3.0; its repository later changed to Σ|R|.
    defaultScoreNorm: .absOfSum, prefix: { $0.prefix(before: "layers.0.retention.q_proj.weight") },
    plan: { try FamilyPlan(torchscale: $0, isHuggingFace: false) }, export: { try ForeignExport(torchscale: $0) })

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
    }, plan: { try FamilyPlan(torchscale: $0, isHuggingFace: true) }, export: { try ForeignExport(syncdoth: $0) })
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
    buffers = Self.torchscaleBuffers(own: own)
    if !isHuggingFace {
      // In a configuration that was not resolved, this setting is a text.
      let addsBOS = (try? settings.value("add_bos_token", Bool.self)) == true
      fairseq = FairseqVocabulary(isCertain: isFairseq, start: addsBOS ? 0 : 2)
    }
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
  }

  fileprivate static func torchscaleBuffers(own: String) -> [ForeignBuffer] {
    [
      ForeignBuffer(name: own + "retnet_rel_pos.angle", content: .frequencies),
      ForeignBuffer(name: own + "retnet_rel_pos.decay", content: .logDecays),
    ]
  }

  fileprivate static func torchscaleNames(own: String, head: String) -> FamilyNames {
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

extension FoldedWeights {
  /// Brings weights into the conventions of torchscale and its relatives, as far as that is possible.
  fileprivate mutating func followTorchscale() {
    foldHeadNormWeight()
    repeatKeyHeads()
    setRotationLayout(.interleaved)
    let scaled = Double(configuration.width).squareRoot()
    if configuration.embeddingScale != scaled { _ = foldEmbeddingScale(to: 1) }
  }

  /// What both families require.
  fileprivate func torchscaleRequirements(isFirstEra: Bool) -> [String: [ConfigurationValue]] {
    let (norm, biases) = (ConfigurationValue.text(isFirstEra ? "layer" : "rms"), ConfigurationValue.boolean(isFirstEra))
    let c = configuration
    return [
      "norm": [norm], "head_norm": [norm], "head_norm_weight": [.text("none")],
      "key_heads": [.integer(c.heads)], "key_width": [.integer(c.width)],
      "value_width": [.integer(isFirstEra ? 2 * c.width : c.valueWidth)],
      "embedding_scale": [.number(1), .number(Double(c.width).squareRoot())], "final_norm": [.boolean(true)],
      "gate": [.boolean(true)], "feed_forward": [.text(isFirstEra ? "mlp" : "glu")], "retention_biases": [biases],
      "feed_forward_biases": [biases], "head_bias": [.boolean(false)], "decay": [.text("powers")],
      "rotation_layout": [.text("interleaved")], "rotation_frequencies": [.text("linspace")],
      "rotation_base": [.number(10_000)],
    ]
  }
}

extension ForeignExport {
  /// A state dictionary and the arguments of torchscale's `RetNetConfig`.
  ///
  /// With LayerNorm it is of the first era, which the package has not had since version 0.3.0.
  /// Sources: torchscale/architecture/retnet.py and config.py.
  fileprivate init(torchscale weights: FoldedWeights) throws {
    var weights = weights
    weights.followTorchscale()
    let isFirstEra = weights.configuration.norm == .layer
    var requirements = weights.torchscaleRequirements(isFirstEra: isFirstEra)
    if isFirstEra { requirements["activation"] = [.text("gelu"), .text("relu")] }
    try weights.require(.torchscale, requirements)
    let c = weights.configuration
    var settings = Self.torchscaleSettings(c)
    settings["share_decoder_input_output_embed"] = .boolean(c.isHeadTied)
    for (key, id) in [("bos_token_id", c.bosID), ("eos_token_id", c.eosID)] {
      settings[key] = id.map { .integer($0) }  // torchscale passes over settings that it does not know.
    }
    if isFirstEra { settings["decoder_value_embed_dim"] = nil }
    self.init(
      .torchscale, weights, container: .torch,
      names: FamilyPlan.torchscaleNames(own: "", head: "output_projection"),
      buffers: FamilyPlan.torchscaleBuffers(own: ""), tiedHead: "output_projection.weight", scoreNorm: .absOfSum,
      settings: settings,
      loadingCode: """
        import json, torch
        from torchscale.architecture.config import RetNetConfig
        from torchscale.architecture.retnet import RetNetDecoder

        config = RetNetConfig(**json.load(open("DIR/config.json")))
        embedding = torch.nn.Embedding(config.vocab_size, config.decoder_embed_dim)
        model = RetNetDecoder(config, embed_tokens=embedding)
        model.load_state_dict(torch.load("DIR/model.pt"))
        """)
  }

  /// A folder for syncdoth/RetNet, the package that ports torchscale to Hugging Face.
  ///
  /// Source: syncdoth/RetNet, retnet/modeling_retnet.py and configuration_retnet.py.
  fileprivate init(syncdoth weights: FoldedWeights) throws {
    var weights = weights
    weights.followTorchscale()
    var requirements = weights.torchscaleRequirements(isFirstEra: false)
    requirements["decay"] = [.text("powers"), .text("linspace")]
    try weights.require(.syncdoth, requirements)
    let c = weights.configuration
    var settings = Self.torchscaleSettings(c)
    settings.merge([
      "architectures": .list(["RetNetForCausalLM"]), "model_type": .text("retnet"), "use_glu": .boolean(true),
      "use_lm_decay": .boolean(c.decay == .linspace), "tie_word_embeddings": .boolean(c.isHeadTied),
      "bos_token_id": .null, "eos_token_id": .null, "pad_token_id": .null, "is_decoder": .boolean(true),
      "forward_impl": .text("parallel"), "use_cache": .boolean(true),
    ]) { $1 }
    self.init(
      .syncdoth, weights, container: .safetensors, names: FamilyPlan.torchscaleNames(own: "model.", head: "lm_head"),
      buffers: FamilyPlan.torchscaleBuffers(own: "model."), tiedHead: "lm_head.weight", scoreNorm: .sumOfAbs,
      settings: settings,
      loadingCode: """
        # in a checkout of syncdoth/RetNet
        from retnet.modeling_retnet import RetNetForCausalLM

        model = RetNetForCausalLM.from_pretrained("DIR")
        """)
  }

  private static func torchscaleSettings(_ c: ModelConfiguration) -> [String: ForeignSetting] {
    [
      "decoder_embed_dim": .integer(c.width), "decoder_value_embed_dim": .integer(c.valueWidth),
      "decoder_retention_heads": .integer(c.heads), "decoder_ffn_embed_dim": .integer(c.feedForwardWidth),
      "decoder_layers": .integer(c.layers), "decoder_normalize_before": .boolean(true),
      "activation_fn": .text(c.activation == .silu ? "swish" : c.activation.rawValue),
      "no_scale_embedding": .boolean(c.embeddingScale == 1), "layernorm_embedding": .boolean(c.hasEmbeddingNorm),
      "layernorm_eps": .number(c.normEpsilon), "vocab_size": .integer(c.vocabularySize), "dropout": .number(0),
      "activation_dropout": .number(0), "drop_path_rate": .number(0), "recurrent_chunk_size": .integer(512),
      "deepnorm": .boolean(false), "subln": .boolean(false),
    ]
  }
}
