internal import Checkpoints
internal import Configurations
internal import Retention
internal import Tensors

extension ForeignFamily {
  /// Weights of a Llama, as transformers stores them.
  package static let llama = ForeignFamily(
    name: "llama", defaultScoreNorm: .none, prefix: { $0.prefix(before: "model.layers.0.self_attn.q_proj.weight") },
    plan: { try FamilyPlan(llama: $0) }, export: { try ForeignExport(llama: $0) })
}

extension FamilyPlan {
  /// The plan for transformers' `LlamaForCausalLM`.
  ///
  /// Sources: transformers/models/llama/configuration_llama.py and modeling_llama.py, versions 4.29 to 5.24.
  init(llama source: ForeignSource) throws {
    let settings = source.settings
    if let type = try settings.value("model_type", String.self), type != "llama" {
      throw ModelFileError.unsupported(path: settings.path, found: "a model of type \(quoted(type))")
    }
    try settings.refuse("rope_scaling", "scaled rotary positions")
    try settings.refuse("mlp_bias", unless: .boolean(false), "biases of the feed-forward part")
    let rotation = try settings.parts("rope_parameters").first
    if let kind = try rotation?.value("rope_type", String.self), kind != "default" {
      throw ModelFileError.unsupported(
        path: settings.path, found: "rotary positions of another type (rope_type: \(quoted(kind)))")
    }

    let layer = "model.layers.0."
    let (vocabulary, width) = try source.matrix("model.embed_tokens.weight")
    let (queries, _) = try source.matrix(layer + "self_attn.q_proj.weight")
    let (keys, _) = try source.matrix(layer + "self_attn.k_proj.weight")
    let (inner, _) = try source.matrix(layer + "mlp.gate_proj.weight")

    var c = ModelConfiguration()
    c.layerTypes = LayerPattern([.attention])
    c.width = width
    c.layers = source.layerCount("model.layers.")
    let headWidth = try settings.value("head_dim", Int.self)
    c.attention.heads = try source.heads(
      "num_attention_heads", inferred: headWidth.flatMap { $0 > 0 ? max(1, queries / $0) : nil })
    c.heads = c.attention.heads
    c.attention.headWidth = max(1, queries / c.attention.heads)
    c.attention.keyHeads = max(1, keys / c.attention.headWidth)
    c.attention.biases =
      source.has(layer + "self_attn.o_proj.bias") ? .all : source.has(layer + "self_attn.q_proj.bias") ? .inputs : .none
    c.attention.rotationBase =
      try rotation?.value("rope_theta", Double.self) ?? settings.value("rope_theta", Double.self) ?? 10_000
    c.feedForwardWidth = inner
    c.vocabularySize = vocabulary
    c.isHeadTied = try source.isHeadTied(
      head: "lm_head.weight", embedding: "model.embed_tokens.weight", key: "tie_word_embeddings")
    c.normEpsilon = try settings.value("rms_norm_eps", Double.self) ?? 1e-6
    c.activation = try source.activation("hidden_act", default: "silu")
    c.bosID = try settings.tokenID("bos_token_id")
    c.eosID = try settings.tokenID("eos_token_id")

    try settings.expect("hidden_size", c.width)
    try settings.expect("num_hidden_layers", c.layers)
    try settings.expect("intermediate_size", c.feedForwardWidth)
    try settings.expect("vocab_size", c.vocabularySize)
    try settings.expect("num_key_value_heads", c.attention.keyHeads)
    try settings.expect("head_dim", c.attention.headWidth)

    configuration = c
    names = Self.llamaNames
    // Up to 4.30, a table that follows from the configuration.
    buffers = (0..<c.layers).map {
      ForeignBuffer(name: "model.layers.\($0).self_attn.rotary_emb.inv_freq", content: .attentionFrequencies)
    }
    if settings.isEmpty {
      remarks = [
        "no config.json beside the weights: norm epsilon 1e-6 and rotation base 10000 are the family's defaults"
      ]
    }
  }

  fileprivate static let llamaNames = FamilyNames(
    layers: "model.layers.",
    names: [
      "embed": "model.embed_tokens",
      "attn_norm": "input_layernorm",
      "attn.q": "self_attn.q_proj",
      "attn.k": "self_attn.k_proj",
      "attn.v": "self_attn.v_proj",
      "attn.o": "self_attn.o_proj",
      "ffn_norm": "post_attention_layernorm",
      "ffn.gate": "mlp.gate_proj",
      "ffn.up": "mlp.up_proj",
      "ffn.down": "mlp.down_proj",
      "final_norm": "model.norm",
      "lm_head": "lm_head",
    ])
}

extension ForeignExport {
  /// A folder that transformers loads as a `LlamaForCausalLM`.
  ///
  /// Sources: transformers/models/llama/configuration_llama.py and modeling_llama.py.
  fileprivate init(llama weights: FoldedWeights) throws {
    var weights = weights
    _ = weights.foldEmbeddingScale(to: 1)
    try weights.require(
      .llama,
      [
        "layer_types": [.text("attention")], "norm": [.text("rms")], "embedding_scale": [.number(1)],
        "embedding_norm": [.boolean(false)], "final_norm": [.boolean(true)], "feed_forward": [.text("glu")],
        "feed_forward_biases": [.boolean(false)], "head_bias": [.boolean(false)],
        "attention.biases": [.text("none"), .text("all")], "attention.window": [.null],
      ])
    let c = weights.configuration
    let settings: [String: ForeignSetting] = [
      "architectures": .list(["LlamaForCausalLM"]), "model_type": .text("llama"), "hidden_size": .integer(c.width),
      "intermediate_size": .integer(c.feedForwardWidth), "num_hidden_layers": .integer(c.layers),
      "num_attention_heads": .integer(c.attention.heads), "num_key_value_heads": .integer(c.attention.keyHeads),
      "head_dim": .integer(c.attention.headWidth), "hidden_act": .text(c.activation.rawValue),
      "rms_norm_eps": .number(c.normEpsilon), "rope_theta": .number(c.attention.rotationBase), "rope_scaling": .null,
      "attention_bias": .boolean(c.attention.biases == .all), "mlp_bias": .boolean(false),
      "attention_dropout": .number(0), "max_position_embeddings": .integer(2048),
      "vocab_size": .integer(c.vocabularySize), "tie_word_embeddings": .boolean(c.isHeadTied),
      "initializer_range": .number(0.02), "use_cache": .boolean(true), "bos_token_id": .null, "eos_token_id": .null,
      "pad_token_id": .null,
    ]
    self.init(
      .llama, weights, container: .safetensors, names: FamilyPlan.llamaNames, scoreNorm: .none, settings: settings,
      loadingCode: """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained("DIR")
        model = AutoModelForCausalLM.from_pretrained("DIR")
        """)
  }
}
