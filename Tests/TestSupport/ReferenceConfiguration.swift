/// The sizes and constants of the reference model.
package struct ReferenceConfiguration: Sendable {
  /// N, the number of tokens in the vocabulary.
  package var vocabularySize: Int
  /// D, the width of the residual stream.
  package var width: Int
  /// The number of blocks.
  package var layerCount: Int
  /// H, the number of heads.
  package var headCount: Int
  /// K, the width of queries and keys per head.
  package var keyWidth: Int
  /// V, the width of values per head.
  package var valueWidth: Int
  /// F, the inner width of the feed-forward layer.
  package var feedForwardWidth: Int
  /// ε of every norm.
  package var epsilon: Double
  /// ln γ of each head [H].
  package var logDecay: [Double]
  /// Whether the logits use the embedding table.
  package var isTied: Bool

  // What checkpoints differ in, at first as in flash-linear-attention's model.

  /// G, the number of key/value heads, a divisor of H.
  package var keyHeadCount: Int
  /// The norm before each part and at the end.
  package var norm = ReferenceNormKind.rms
  /// The factor of the embedding.
  package var embeddingScale = 1.0
  package var hasEmbeddingNorm = false
  package var hasFinalNorm = true
  package var headNorm = ReferenceNormKind.rms
  package var headNormWeight = HeadNormWeight.shared
  /// Whether the head norm adds a bias of its weight's shape.
  package var hasHeadNormBias = false
  package var hasGate = true
  /// Whether the feed-forward layer is down(f(gate w) ⊙ up w), or else fc2(f(fc1 w)).
  package var isFeedForwardGated = true
  package var activation = Reference.Activation.silu
  package var hasRetentionBiases = false
  package var hasFeedForwardBiases = false
  package var hasHeadBias = false
  /// Whether a block reads λ x + μ x₀, with x₀ the residual stream before the first block.
  package var hasEmbeddingResidual = false
  /// c of the logits c tanh(l / c); none without.
  package var logitSoftcap: Double?
  package var scoreNorm = ReferenceScoreNorm.none
  package var rotationLayout = ReferenceRotationLayout.halfSplit
  package var angles = ReferenceAngles.standard
  package var rotationBase = 10_000.0
  /// Whether the pairs of all heads share one table, so that each head has angles of its own.
  package var isAngleTableOfAllHeads = false
  /// The type of each layer; repeats.
  package var layerTypes = [ReferenceLayerType.retention]
  package var attention = ReferenceAttentionSizes()
  /// xPos: the steps over which pair i decays by (2i + 0.4 K) / (1.4 K), K the width of the table; none without.
  package var xposScaleBase: Double?

  /// Which weight the head norm has.
  package enum HeadNormWeight: Sendable {
    case none
    /// [V], shared by the heads.
    case shared
    /// [H·V].
    case full
  }

  /// Takes every size and constant; there is no default.
  package init(
    vocabularySize: Int, width: Int, layerCount: Int, headCount: Int, keyWidth: Int, valueWidth: Int,
    feedForwardWidth: Int, epsilon: Double, logDecay: [Double], isTied: Bool
  ) {
    precondition(logDecay.count == headCount, "ReferenceConfiguration: \(headCount) heads, \(logDecay.count) decays")
    (self.vocabularySize, self.width, self.layerCount) = (vocabularySize, width, layerCount)
    (self.headCount, self.keyWidth, self.valueWidth) = (headCount, keyWidth, valueWidth)
    (self.feedForwardWidth, self.epsilon) = (feedForwardWidth, epsilon)
    (self.logDecay, self.isTied, keyHeadCount) = (logDecay, isTied, headCount)
  }

  /// The type of a layer.
  package func type(_ layer: Int) -> ReferenceLayerType { layerTypes[layer % layerTypes.count] }

  /// The names and shapes of the parameters of one block, each name without the prefix `layers.i.`.
  package func blockParameterShapes(_ layer: Int) -> [(name: String, shape: [Int])] {
    let type = type(layer)
    var shapes = hasEmbeddingResidual ? [("residual_scale", [1]), ("embedding_residual_scale", [1])] : []
    shapes += normShapes(type.prefix + "_norm")
    shapes += type == .retention ? retentionShapes : attention.parameterShapes(type.prefix, width: width)
    let F = feedForwardWidth
    let (expanding, narrowing) = isFeedForwardGated ? (["gate", "up"], "down") : (["fc1"], "fc2")
    shapes += normShapes("ffn_norm") + expanding.map { ("ffn.\($0).weight", [F, width]) }
    if hasFeedForwardBiases { shapes += expanding.map { ("ffn.\($0).bias", [F]) } }
    shapes.append(("ffn.\(narrowing).weight", [width, F]))
    if hasFeedForwardBiases { shapes.append(("ffn.\(narrowing).bias", [width])) }
    return shapes
  }

  private var retentionShapes: [(name: String, shape: [Int])] {
    let values = headCount * valueWidth
    var projections = [
      ("q", headCount * keyWidth), ("k", keyHeadCount * keyWidth), ("v", keyHeadCount * valueWidth),
    ]
    if hasGate { projections.append(("g", values)) }
    var shapes = projections.map { ("ret.\($0.0).weight", [$0.1, width]) }
    if hasRetentionBiases { shapes += projections.map { ("ret.\($0.0).bias", [$0.1]) } }
    shapes.append(("ret.o.weight", [width, values]))
    if hasRetentionBiases { shapes.append(("ret.o.bias", [width])) }
    for part in hasHeadNormBias ? ["weight", "bias"] : ["weight"] {
      switch headNormWeight {
      case .none: break
      case .shared: shapes.append(("ret.head_norm.\(part)", [valueWidth]))
      case .full: shapes.append(("ret.head_norm.\(part)", [values]))
      }
    }
    return shapes
  }

  /// The names and shapes of a norm's parameters.
  func normShapes(_ name: String) -> [(name: String, shape: [Int])] {
    [(name + ".weight", [width])] + (norm == .layer ? [(name + ".bias", [width])] : [])
  }
}
