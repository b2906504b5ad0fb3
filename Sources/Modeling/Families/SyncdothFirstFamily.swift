internal import Configurations
internal import Retention
internal import Tensors

extension ForeignFamily {
  /// Weights of syncdoth/RetNet before October 2023, which are not torchscale's: `RetNetModelWithLMHead`.
  package static let syncdothFirst = ForeignFamily(
    name: "syncdoth-first", defaultScoreNorm: .none,
    prefix: { $0.prefix(before: "model.", "blocks.0.msr.qkv.weight") }, plan: { try FamilyPlan(syncdothFirst: $0) })
}

extension FamilyPlan {
  /// The plan for the first version of syncdoth/RetNet.
  ///
  /// Source: the repository before commit b2a920a.
  init(syncdothFirst source: ForeignSource) throws {
    let settings = source.settings
    let block = "model.blocks.0."
    let (vocabulary, width) = try source.matrix("model.embedding.weight")
    let (projected, _) = try source.matrix(block + "msr.qkv.weight")
    let (values, _) = try source.matrix(block + "msr.gated.weight")
    let (inner, _) = try source.matrix(block + "ffn.0.weight")

    var c = ModelConfiguration()
    c.width = width
    c.layers = source.layerCount("model.blocks.")
    c.heads = try source.heads("num_heads", inferred: source.length(block + "msr.decay"))
    c.keyWidth = max(0, (projected - values) / 2)
    c.valueWidth = values
    c.feedForwardWidth = inner
    c.vocabularySize = vocabulary
    c.norm = .layer
    c.normEpsilon = 1e-5
    c.hasFinalNorm = false
    c.headNorm = .layer
    c.headNormWeight = .none
    c.feedForward = .mlp
    c.activation = .gelu
    let hasBiases = (source.has(block + "msr.qkv.bias"), source.has(block + "msr.proj.bias"))
    c.hasRetentionBiases = hasBiases.0 || hasBiases.1
    c.hasFeedForwardBiases = source.has(block + "ffn.0.bias")
    c.decay = try settings.value("use_default_gamma", Bool.self) == true ? .powers : .linspace
    c.rotationLayout = .interleaved
    c.rotationSpan = .width
    c.xposScaleBase = 512
    c.bosID = try settings.tokenID("bos_token_id")
    c.eosID = try settings.tokenID("eos_token_id")

    try settings.expect("hidden_size", c.width)
    try settings.expect("num_layers", c.layers)
    try settings.expect("qk_dim", c.keyWidth)
    try settings.expect("v_dim", c.valueWidth)
    try settings.expect("ffn_proj_size", c.feedForwardWidth)
    try settings.expect("vocab_size", c.vocabularySize)

    configuration = c
    names = FamilyNames(
      layers: "model.blocks.",
      names: [
        "embed": "model.embedding", "ret_norm": "ln1", "ret.q": "msr.qkv", "ret.k": "msr.qkv", "ret.v": "msr.qkv",
        "ret.g": "msr.gated", "ret.o": "msr.proj", "ffn_norm": "ln2", "ffn.fc1": "ffn.0", "ffn.fc2": "ffn.2",
        "lm_head": "lm_head",
      ])
    buffers = (0..<min(c.layers, 1_000)).flatMap {
      [
        ForeignBuffer(name: "model.blocks.\($0).msr.decay", content: .decays),
        ForeignBuffer(name: "model.blocks.\($0).msr.xpos.scale", content: .xposScales),
      ]
    }
    // The gate has no bias there; here all have one or none.
    zeros = ["ret.g.bias"]
    if !hasBiases.0 { zeros.formUnion(["ret.q.bias", "ret.k.bias", "ret.v.bias"]) }
    if !hasBiases.1 { zeros.insert("ret.o.bias") }
  }
}
