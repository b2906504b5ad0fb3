package import Configurations
package import Retention
package import Tensors

/// Where the token BOS is inserted. Text that is read from an empty state starts with BOS, except with `none`.
package enum BOSRule: String, CaseIterable, Sendable, ConfigurationChoice {
  /// Every training sequence starts with BOS, even if it is cut from the middle of a document.
  case sequence
  /// Every document starts with BOS.
  case document
  /// No BOS.
  case none
}

/// The kind of the feed-forward part.
package enum FeedForwardKind: String, CaseIterable, Sendable, ConfigurationChoice {
  /// down(f(gate x) ⊙ up x).
  case glu
  /// fc2(f(fc1 x)).
  case mlp
}

/// The shape of the head norm's weight.
package enum HeadNormWeight: String, CaseIterable, Sendable, ConfigurationChoice {
  case none
  /// [V], shared by the heads.
  case shared
  /// [H·V].
  case full
}

extension Activation: ConfigurationChoice {}
extension DecayRule: ConfigurationChoice {}
extension NormKind: ConfigurationChoice {}
extension ScoreNorm: ConfigurationChoice {}
extension RotationLayout: ConfigurationChoice {}
extension RotationFrequencies: ConfigurationChoice {}
extension RotationSpan: ConfigurationChoice {}

/// The configuration of a model: everything that determines which function the weights compute.
///
/// It is stored in the model file. The defaults are those of flash-linear-attention's `RetNetForCausalLM`.
package struct ModelConfiguration: Equatable, Sendable, Configurable {
  /// D.
  package var width = 256
  /// Number of blocks.
  package var layers = 6
  /// The type of each layer; repeats.
  package var layerTypes = LayerPattern([.retention])
  /// H.
  package var heads = 8
  /// Key/value heads; 0 means H. Query head h reads key/value head h / (H / key heads).
  package var keyHeads = 0
  /// H·K; 0 means D.
  package var keyWidth = 0
  /// H·V; 0 means 2 D.
  package var valueWidth = 0
  /// F; 0 means 4/3 D, rounded up to a multiple of 256, as in flash-linear-attention; with attention 8/3 D.
  package var feedForwardWidth = 0
  /// N; 0 means that of the tokenizer.
  package var vocabularySize = 0
  package var isHeadTied = false
  package var norm = NormKind.rms
  package var normEpsilon = 1e-6
  package var embeddingScale = 1.0
  package var hasEmbeddingNorm = false
  package var hasFinalNorm = true
  package var headNorm = NormKind.rms
  package var headNormWeight = HeadNormWeight.shared
  /// Whether the head norm has a bias, of the shape of its weight.
  package var hasHeadNormBias = false
  package var hasGate = true
  package var feedForward = FeedForwardKind.glu
  package var activation = Activation.silu
  /// Whether q, k, v, g and the output have biases.
  package var hasRetentionBiases = false
  package var hasFeedForwardBiases = false
  package var hasHeadBias = false
  /// Whether training from scratch starts with blocks that add nothing. It does not change the function.
  package var hasZeroInitialOutputs = false
  /// Whether each block reads a learned mix of the residual stream and of the embedding.
  package var hasEmbeddingResidual = false
  /// The cap of the logits; 0: none.
  package var logitSoftcap = 0.0
  package var decay = DecayRule.powers
  package var scoreNorm = ScoreNorm.none
  package var attention = AttentionConfiguration()
  package var rotationLayout = RotationLayout.halfSplit
  package var rotationFrequencies = RotationFrequencies.standard
  package var rotationBase = 10_000.0
  /// What K stands for in the table θ.
  package var rotationSpan = RotationSpan.head
  /// xPos: tokens over which pair i decays by (2i + 0.4 K) / (1.4 K), besides γ; nil without.
  package var xposScaleBase: Double?
  package var bos = BOSRule.sequence
  /// Token ids of the tokenizer that the model was trained with.
  package var bosID: Int?
  package var eosID: Int?

  /// BOS where sequences or documents start with it; nil with `bos: none`, and for a model without BOS.
  package var startingBOS: Int32? { bos == .none ? nil : bosID.map { Int32($0) } }

  package init() {}

  package static var keys: [ConfigurationKey<ModelConfiguration>] {
    [
      ConfigurationKey("width", \.width, 1...65_536, "Model width D."),
      ConfigurationKey("layers", \.layers, 1...1_000, "Number of blocks."),
      ConfigurationKey(
        "layer_types", \.layerTypes, "Type of the layers: one for all, or a list that repeats (docs/LAYERS.md)."),
      ConfigurationKey("heads", \.heads, 1...1_024, "Retention heads H, each with a decay of its own."),
      ConfigurationKey(
        "key_heads", \.keyHeads, 0...1_024, "Heads of keys and values, which groups of query heads share; 0: heads."),
      ConfigurationKey("key_width", \.keyWidth, 0...1_048_576, "Width of queries over all heads; 0: width."),
      ConfigurationKey("value_width", \.valueWidth, 0...1_048_576, "Width of values over all heads; 0: 2 × width."),
      ConfigurationKey(
        "feed_forward_width", \.feedForwardWidth, 0...1_048_576,
        "Inner width F of the feed-forward part; 0: 4/3 × width (with attention 8/3), rounded up to a multiple of 256."),
      ConfigurationKey(
        "vocabulary_size", \.vocabularySize, 0...1_048_576, "Number of tokens N; 0: as many as the tokenizer has."),
      ConfigurationKey("tied_head", \.isHeadTied, "Whether the output head is the embedding table."),
      ConfigurationKey("norm", \.norm, "Norm before each part and at the end: rms or layer."),
      ConfigurationKey("norm_epsilon", \.normEpsilon, .between(0, 1), "ε of every norm."),
      ConfigurationKey("embedding_scale", \.embeddingScale, .above(0), "Factor of the embedding."),
      ConfigurationKey("embedding_norm", \.hasEmbeddingNorm, "Whether a norm follows the embedding."),
      ConfigurationKey("final_norm", \.hasFinalNorm, "Whether a norm precedes the head."),
      ConfigurationKey("head_norm", \.headNorm, "Norm of each head's output; none is an ablation of the paper."),
      ConfigurationKey(
        "head_norm_weight", \.headNormWeight, "Weight of the head norm: none, shared by the heads, full."),
      ConfigurationKey(
        "head_norm_bias", \.hasHeadNormBias, "Whether the head norm has a bias, of the shape of its weight."),
      ConfigurationKey("gate", \.hasGate, "Whether a swish gate follows retention; false is an ablation of the paper."),
      ConfigurationKey("feed_forward", \.feedForward, "Feed-forward part: glu, gated, or mlp, two layers."),
      ConfigurationKey("activation", \.activation, "Nonlinearity of the feed-forward part."),
      ConfigurationKey("retention_biases", \.hasRetentionBiases, "Biases of q, k, v, gate and output."),
      ConfigurationKey("feed_forward_biases", \.hasFeedForwardBiases, "Biases of the feed-forward part."),
      ConfigurationKey("head_bias", \.hasHeadBias, "A bias of the logits."),
      ConfigurationKey(
        "zero_init_output", \.hasZeroInitialOutputs,
        "Whether the last matrix of retention and of the feed-forward part is zero before training."),
      ConfigurationKey(
        "embedding_residual", \.hasEmbeddingResidual,
        "Whether each block reads a learned mix of the residual stream and of the embedding."),
      ConfigurationKey(
        "logit_softcap", \.logitSoftcap, .between(0, 1e6),
        "Soft cap c of the logits, c tanh(logit / c), from 0.01 on; 0: none."),
      ConfigurationKey("decay", \.decay, "Decay of the heads: powers 1 - 2^(-5-h), linspace, single 127/128, none."),
      ConfigurationKey(
        "score_norm", \.scoreNorm, "What decayed scores are divided by; sum_of_abs exactly in the parallel form only."),
      ConfigurationKey("rotation_layout", \.rotationLayout, "Which numbers of a head form a rotated pair."),
      ConfigurationKey("rotation_frequencies", \.rotationFrequencies, "The table θ of rotation frequencies."),
      ConfigurationKey("rotation_base", \.rotationBase, .between(1, 1e12), "Base of the table θ."),
      ConfigurationKey(
        "rotation_span", \.rotationSpan, "Over what the table θ spreads: each head, or the width of all heads."),
      ConfigurationKey(
        "xpos_scale_base", \.xposScaleBase, .atLeast(64),
        "Tokens of one step of xPos, a decay of each rotated pair besides γ; null: no xPos."),
    ]
      + AttentionConfiguration.keys + [
        ConfigurationKey("bos", \.bos, "What begins with BOS: each sequence, each document, or none."),
        ConfigurationKey("bos_id", \.bosID, 0...1_048_575, "Id of BOS; null: the tokenizer's."),
        ConfigurationKey("eos_id", \.eosID, 0...1_048_575, "Id of EOS; null: the tokenizer's."),
      ]
  }

  package var contradictions: [(key: String, message: String)] {
    var found: [(key: String, message: String)] = []
    let resolved = self.resolved
    if layerTypes.types.count > layers {
      found.append(
        ("layer_types", "expected at most \(layers) types, as there are layers, found \(layerTypes.types.count)"))
    }
    for type in presentTypes { found += type.mixer.contradictions(resolved) }
    if norm == .none { found.append(("norm", "expected rms or layer, found none")) }
    // Its inverse multiplies the logits in Float32.
    if logitSoftcap > 0, logitSoftcap < 0.01 {
      found.append(("logit_softcap", "expected 0 or at least 0.01, found \(logitSoftcap)"))
    }
    // Without a bound, a file of a few megabytes could require a state of terabytes.
    for (key, size) in [
      ("key_width", resolved.keyWidth), ("value_width", resolved.valueWidth),
      ("feed_forward_width", resolved.feedForwardWidth),
    ] where size > 64 * width {
      found.append((key, "expected at most 64 × width (\(64 * width)), found \(size)"))
    }
    for (key, id) in [("bos_id", bosID), ("eos_id", eosID)] {
      if let id, vocabularySize > 0, id >= vocabularySize {
        found.append((key, "expected less than vocabulary_size \(vocabularySize), found \(id)"))
      }
    }
    return found
  }

  /// The cap of the logits; nil: none.
  var softcap: Float? { logitSoftcap > 0 ? Float(logitSoftcap) : nil }

  /// The rotation of queries and keys.
  package var rotation: Rotation {
    let keyWidth = resolved.keyWidth
    return Rotation(
      layout: rotationLayout,
      frequencies: rotationFrequencies.values(
        keyWidth: rotationSpan == .width ? keyWidth : keyWidth / heads, base: rotationBase),
      xposScaleBase: xposScaleBase)
  }

  /// The same configuration with every 0 replaced by the value that it stands for, except for the vocabulary.
  package var resolved: ModelConfiguration {
    var copy = self
    if layers > 0 { copy.layerTypes = .shortest(for: typeOfLayers) }
    if keyHeads == 0 { copy.keyHeads = heads }
    if keyWidth == 0 { copy.keyWidth = width }
    if valueWidth == 0 { copy.valueWidth = 2 * width }
    if feedForwardWidth == 0 {
      // 4/3 D with retention, as flash-linear-attention has it: whole numbers round it down.
      let share = typeOfLayers.reduce(0) { $0 + $1.mixer.feedForwardShare(self) } / Double(layers)
      copy.feedForwardWidth = (Int(Double(width) * share + 1e-6) + 255) / 256 * 256
    }
    for type in presentTypes { type.mixer.resolve(&copy) }
    return copy
  }
}
