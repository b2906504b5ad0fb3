import Modeling
import Retention
import Tensors

/// Models that differ from the default as checkpoints and ablations do; every switch is in two of them or more.
enum Variant: String, CaseIterable, Sendable {
  case layerNormAndBiases
  case scaledEmbedding
  case ablated
  case groupedHeads
  case rowDecay
  case absOfSum
  case absOfSumOfGroups
  case rowDecayWithoutDecay
  case sumOfAbs
  case sumOfAbsTied
  case xpos
  case xposOfAllHeads
  case xposHalfSplit
  case embeddingResidual
  case embeddingResidualAndBiases
  case attention
  case attentionWithWindow
  case linearAttention
  case hybrid
  case hybridWithResidual

  /// Whether all forms and all cuts give the same function.
  var isExactInEveryForm: Bool { self != .sumOfAbs && self != .sumOfAbsTied }

  /// Whether every layer's state is a matrix of fixed size, which can be carried into a training step.
  var hasFixedState: Bool {
    switch self {
    case .attention, .attentionWithWindow, .hybrid, .hybridWithResidual: false
    default: true
    }
  }

  /// Whether every layer is retention.
  var isRetention: Bool { hasFixedState && self != .linearAttention }

  func apply(to c: inout ModelConfiguration) {
    switch self {
    case .attention:
      (c.layerTypes, c.attention.biases, c.norm) = (LayerPattern([.attention]), .inputs, .layer)
      (c.attention.headWidth, c.attention.rotationBase) = (6, 100)
    case .attentionWithWindow:
      (c.layerTypes, c.attention.window, c.attention.biases) = (LayerPattern([.attention]), 4, .all)
      (c.attention.heads, c.attention.keyHeads, c.isHeadTied) = (4, 2, true)
    case .linearAttention:
      (c.layerTypes, c.attention.heads, c.attention.keyHeads) = (LayerPattern([.linearAttention]), 4, 2)
      (c.feedForward, c.attention.biases) = (.mlp, .all)
    case .hybrid:
      (c.layerTypes, c.layers) = (LayerPattern([.attention, .retention, .linearAttention]), 3)
      (c.attention.heads, c.attention.keyHeads, c.attention.headWidth) = (3, 1, 4)
    case .hybridWithResidual:
      c.layerTypes = LayerPattern([.linearAttention, .attention])
      (c.hasEmbeddingResidual, c.attention.window, c.hasEmbeddingNorm) = (true, 3, true)
    case .layerNormAndBiases:
      (c.norm, c.headNorm, c.headNormWeight) = (.layer, .layer, .none)
      (c.hasRetentionBiases, c.hasFeedForwardBiases, c.feedForward, c.activation) = (true, true, .mlp, .gelu)
    case .scaledEmbedding:
      (c.embeddingScale, c.hasEmbeddingNorm, c.hasHeadBias, c.isHeadTied) = (3, true, true, true)
      (c.hasFeedForwardBiases, c.rotationLayout) = (true, .interleaved)
    case .ablated:
      (c.hasGate, c.headNorm, c.headNormWeight, c.hasFinalNorm, c.decay) = (false, .none, .none, false, .none)
      (c.feedForward, c.activation) = (.mlp, .relu)
    case .groupedHeads:
      (c.keyHeads, c.headNormWeight, c.decay, c.hasHeadBias) = (2, .full, .single, true)
      (c.rotationLayout, c.rotationFrequencies, c.rotationBase) = (.interleaved, .linspace, 500)
    case .rowDecay:
      (c.scoreNorm, c.headNormWeight, c.activation, c.decay) = (.rowDecay, .none, .gelu, .linspace)
      (c.rotationLayout, c.rotationFrequencies) = (.interleaved, .linspace)
    case .absOfSum:
      (c.scoreNorm, c.decay, c.rotationFrequencies, c.rotationBase) = (.absOfSum, .single, .linspace, 100)
      (c.isHeadTied, c.embeddingScale) = (true, 2.5)
    case .absOfSumOfGroups:
      (c.scoreNorm, c.keyHeads, c.norm, c.headNorm, c.headNormWeight) = (.absOfSum, 2, .layer, .layer, .full)
      (c.hasRetentionBiases, c.hasEmbeddingNorm, c.embeddingScale) = (true, true, 1.7)
    case .rowDecayWithoutDecay:
      (c.scoreNorm, c.decay, c.hasGate, c.hasFinalNorm) = (.rowDecay, .none, false, false)
    case .sumOfAbs:
      (c.scoreNorm, c.headNorm, c.headNormWeight, c.activation, c.decay) = (.sumOfAbs, .none, .none, .relu, .linspace)
    case .sumOfAbsTied:
      (c.scoreNorm, c.isHeadTied, c.keyHeads, c.rotationLayout) = (.sumOfAbs, true, 1, .interleaved)
    case .xpos:
      (c.norm, c.headNorm, c.headNormWeight, c.hasHeadNormBias) = (.layer, .layer, .full, true)
      (c.xposScaleBase, c.rotationLayout, c.decay) = (20, .interleaved, .linspace)
    case .xposOfAllHeads:
      (c.xposScaleBase, c.rotationSpan, c.rotationLayout, c.decay) = (30, .width, .interleaved, .linspace)
      (c.headNormWeight, c.hasHeadNormBias, c.hasGate) = (.shared, true, false)
    case .xposHalfSplit:
      (c.xposScaleBase, c.keyHeads, c.scoreNorm) = (25, 2, .absOfSum)
      (c.headNormWeight, c.hasHeadNormBias) = (.full, true)
    case .embeddingResidual:
      (c.hasEmbeddingResidual, c.logitSoftcap, c.activation, c.isHeadTied) = (true, 1.5, .reluSquared, true)
    case .embeddingResidualAndBiases:
      (c.hasEmbeddingResidual, c.logitSoftcap, c.activation, c.feedForward) = (true, 3, .reluSquared, .mlp)
      (c.norm, c.hasRetentionBiases, c.hasFeedForwardBiases, c.hasHeadBias) = (.layer, true, true, true)
      (c.hasEmbeddingNorm, c.embeddingScale, c.hasFinalNorm) = (true, 2, false)
    }
  }
}
