internal import Configurations
internal import Retention
internal import Tensors

extension ForeignFamily {
  /// Weights of flash-linear-attention, with a fused or a separate gate.
  package static let fla = ForeignFamily(
    name: "fla", defaultScoreNorm: .none, prefix: { $0.prefix(before: "model.layers.0.attn.q_proj.weight") },
    plan: { try FamilyPlan(fla: $0) }, export: { try ForeignExport(fla: $0) })
}

extension FamilyPlan {
  /// The plan for flash-linear-attention's `RetNetForCausalLM`.
  ///
  /// Sources: fla/models/retnet/configuration_retnet.py and modeling_retnet.py, fla/layers/multiscale_retention.py.
  init(fla source: ForeignSource) throws {
    let settings = source.settings
    try settings.refuse("attnres_block_size", "attention residuals")
    try settings.refuse("feature_map", "a feature map of queries and keys")

    let attention = try Self.attentionLayers(settings)
    let count = source.layerCount("model.layers.")
    // What the tensors say of retention is read from its first layer.
    let first = (0..<max(1, count)).first { !attention.layers.contains($0) } ?? 0
    let layer = "model.layers.\(first)."
    let (vocabulary, width) = try source.matrix("model.embeddings.weight")
    let (queries, _) = try source.matrix(layer + "attn.q_proj.weight")
    let (keys, _) = try source.matrix(layer + "attn.k_proj.weight")
    let (_, values) = try source.matrix(layer + "attn.o_proj.weight")
    let (_, inner) = try source.matrix(layer + "mlp.down_proj.weight")
    let (gateRows, _) = try source.matrix(layer + "mlp.gate_proj.weight")
    let headNorm = ["g_norm_swish_gate", "g_norm"].first { source.has(layer + "attn.\($0).weight") }
    let valueWidth = try headNorm.flatMap { try source.length(layer + "attn.\($0).weight") }
    // There the gate of retention uses the same nonlinearity; here it is always swish.
    let activation = try source.activation("hidden_act", default: "swish")
    guard activation == .silu else {
      throw ModelFileError.unsupported(path: settings.path, found: "a gate of \(activation.rawValue)")
    }

    var c = ModelConfiguration()
    c.width = width
    c.layers = count
    c.heads = try source.heads("num_heads", inferred: valueWidth.map { max(1, values / $0) })
    c.keyWidth = queries
    c.keyHeads = try settings.value("num_kv_heads", Int.self) ?? max(1, keys * c.heads / queries)
    c.valueWidth = values
    c.feedForwardWidth = inner
    c.vocabularySize = vocabulary
    c.isHeadTied = try source.isHeadTied(
      head: "lm_head.weight", embedding: "model.embeddings.weight", key: "tie_word_embeddings")
    c.normEpsilon =
      try settings.value("norm_eps", Double.self) ?? settings.value("rms_norm_eps", Double.self) ?? 1e-6
    c.headNormWeight = headNorm == nil ? .none : .shared
    c.hasGate = source.has(layer + "attn.g_proj.weight")
    if !attention.layers.isEmpty {
      c.layerTypes = .shortest(
        for: (0..<count).map { attention.layers.contains($0) ? .attention : .retention })
      c.attention = attention.configuration
    }
    c.bosID = try settings.tokenID("bos_token_id")
    c.eosID = try settings.tokenID("eos_token_id")

    try settings.expect("hidden_size", c.width)
    try settings.expect("num_hidden_layers", c.layers)
    try settings.expect("intermediate_size", c.feedForwardWidth)
    try settings.expect("vocab_size", c.vocabularySize)

    configuration = c
    buffers = []
    var names = Self.flaNames
    if let headNorm { names.names["ret.head_norm"] = "attn.\(headNorm)" }
    // Before February 2025 both branches were one matrix, the activated one first.
    if gateRows / 2 == inner, gateRows % 2 == 0 { names.names["ffn.up"] = "mlp.gate_proj" }
    self.names = names
    if settings.isEmpty { remarks = ["no config.json beside the weights: norm epsilon 1e-6 is the family's default"] }
  }

  /// The layers of softmax attention and their keys: `attn` is an object, or since July 2026 a list of them.
  private static func attentionLayers(
    _ settings: ForeignConfiguration
  ) throws(ModelFileError) -> (layers: Set<Int>, configuration: AttentionConfiguration) {
    var (layers, found) = (Set<Int>(), [AttentionConfiguration]())
    for part in try settings.parts("attn") {
      guard let own = try part.integers("layers"), let heads = try part.value("num_heads", Int.self), heads >= 1 else {
        throw .foreignSetting(path: settings.path, key: "attn", expected: "layers and num_heads", found: "none")
      }
      var c = AttentionConfiguration()
      c.heads = heads
      c.keyHeads = try part.value("num_kv_heads", Int.self) ?? heads
      c.headWidth = (try settings.value("hidden_size", Int.self) ?? 0) / heads
      c.biases = try part.value("qkv_bias", Bool.self) == true ? .inputs : .none
      c.window = try part.value("window_size", Int.self)
      c.rotationBase = try part.value("rope_theta", Double.self) ?? 10_000
      layers.formUnion(own)
      found.append(c)
    }
    guard found.allSatisfy({ $0 == found[0] }) else {
      throw .unsupported(path: settings.path, found: "layers of attention of several kinds (attn)")
    }
    return (layers, found.first ?? AttentionConfiguration())
  }

  fileprivate static let flaNames = FamilyNames(
    layers: "model.layers.",
    names: [
      "embed": "model.embeddings",
      "ret_norm": "attn_norm",
      "ret.q": "attn.q_proj",
      "ret.k": "attn.k_proj",
      "ret.v": "attn.v_proj",
      "ret.g": "attn.g_proj",
      "ret.o": "attn.o_proj",
      "attn_norm": "attn_norm",
      "attn.q": "attn.q_proj",
      "attn.k": "attn.k_proj",
      "attn.v": "attn.v_proj",
      "attn.o": "attn.o_proj",
      "ffn_norm": "mlp_norm",
      "ffn.gate": "mlp.gate_proj",
      "ffn.up": "mlp.up_proj",
      "ffn.down": "mlp.down_proj",
      "final_norm": "model.norm",
      "lm_head": "lm_head",
    ])
}

extension ForeignExport {
  /// A folder that transformers loads with flash-linear-attention.
  ///
  /// Sources: fla/models/retnet/configuration_retnet.py and modeling_retnet.py.
  fileprivate init(fla weights: FoldedWeights) throws {
    var weights = weights
    if weights.configuration.headNormWeight == .full { weights.foldHeadNormWeight() }
    weights.addHeadNormWeight()
    weights.setRotationLayout(.halfSplit)
    _ = weights.foldEmbeddingScale(to: 1)
    try weights.require(
      .fla,
      [
        "layer_types": Self.patterns(weights.configuration), "attention.biases": [.text("none"), .text("inputs")],
        "norm": [.text("rms")], "embedding_scale": [.number(1)], "embedding_norm": [.boolean(false)],
        "final_norm": [.boolean(true)], "head_norm": [.text("rms")], "head_norm_weight": [.text("shared")],
        "feed_forward": [.text("glu")], "activation": [.text("silu")], "retention_biases": [.boolean(false)],
        "feed_forward_biases": [.boolean(false)], "head_bias": [.boolean(false)], "decay": [.text("powers")],
        "score_norm": [.text("none")], "rotation_frequencies": [.text("standard")], "rotation_base": [.number(10_000)],
      ])
    let c = weights.configuration
    var names = FamilyPlan.flaNames
    names.names["ret.head_norm"] = c.hasGate ? "attn.g_norm_swish_gate" : "attn.g_norm"
    var settings: [String: ForeignSetting] = [
      "architectures": .list(["RetNetForCausalLM"]), "model_type": .text("retnet"), "attn_mode": .text("chunk"),
      "hidden_size": .integer(c.width), "expand_k": .number(Self.ratio(c.keyWidth, c.width)),
      "expand_v": .number(Self.ratio(c.valueWidth, c.width)), "hidden_ratio": .null,
      "intermediate_size": .integer(c.feedForwardWidth), "num_hidden_layers": .integer(c.layers),
      "num_heads": .integer(c.heads), "num_kv_heads": .null, "hidden_act": .text("swish"),
      "use_output_gate": .boolean(c.hasGate), "use_short_conv": .boolean(false), "conv_size": .integer(4),
      "feature_map": .null, "attn": .null, "elementwise_affine": .boolean(true), "norm_eps": .number(c.normEpsilon),
      "max_position_embeddings": .integer(2048), "vocab_size": .integer(c.vocabularySize),
      "tie_word_embeddings": .boolean(c.isHeadTied), "fuse_norm": .boolean(true), "fuse_swiglu": .boolean(true),
      "fuse_cross_entropy": .boolean(true), "initializer_range": .number(0.02), "use_cache": .boolean(true),
      "bos_token_id": .null, "eos_token_id": .null, "pad_token_id": .null,
    ]
    let attention = (0..<c.layers).filter { c.layerTypes[$0] == .attention }
    if !attention.isEmpty {
      guard c.attention.headWidth * c.attention.heads == c.width else {
        throw ModelFileError.notExpressible(
          family: .fla,
          problems: ["attention.head_width \(c.width / c.attention.heads), found \(c.attention.headWidth)"])
      }
      settings["attn"] = .object([
        "layers": .integers(attention), "num_heads": .integer(c.attention.heads),
        "num_kv_heads": .integer(c.attention.keyHeads), "qkv_bias": .boolean(c.attention.biases == .inputs),
        "window_size": c.attention.window.map { .integer($0) } ?? .null,
        "rope_theta": .number(c.attention.rotationBase),
      ])
    }
    if c.keyHeads != c.heads { settings["num_kv_heads"] = .integer(c.keyHeads) }
    self.init(
      .fla, weights, container: .safetensors, names: names, scoreNorm: .none, settings: settings,
      loadingCode: """
        import fla  # registers the architecture with transformers
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained("DIR")
        model = AutoModelForCausalLM.from_pretrained("DIR").to("cuda")
        """)
  }

  /// The patterns of layers that the program can have: that of the model, unless it has layers of other types.
  private static func patterns(_ c: ModelConfiguration) -> [ConfigurationValue] {
    c.presentTypes.contains(.linearAttention)
      ? [.text("retention"), .list(["retention", "attention"])] : [c.layerTypes.configurationValue]
  }

  /// The factor by which flash-linear-attention gives a width: `int(hidden_size * factor)` is the width again.
  private static func ratio(_ width: Int, _ modelWidth: Int) -> Double {
    var ratio = Double(width) / Double(modelWidth)
    while Int(Double(modelWidth) * ratio) < width { ratio = ratio.nextUp }
    return ratio
  }
}
