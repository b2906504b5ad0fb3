internal import Glibc
package import Modeling
import Retention
import Tensors
package import TestSupport

extension ModelConfiguration {
  /// The same model for the reference.
  ///
  /// - Precondition: The configuration is resolved.
  package var reference: ReferenceConfiguration {
    var copy = ReferenceConfiguration(
      vocabularySize: vocabularySize, width: width, layerCount: layers, headCount: heads, keyWidth: keyWidth / heads,
      valueWidth: valueWidth / heads, feedForwardWidth: feedForwardWidth, epsilon: Double(Float(normEpsilon)),
      logDecay: (0..<heads).map(logDecay), isTied: isHeadTied)
    copy.keyHeadCount = keyHeads
    copy.norm = norm.reference
    copy.embeddingScale = Double(Float(embeddingScale))
    copy.hasEmbeddingNorm = hasEmbeddingNorm
    copy.hasFinalNorm = hasFinalNorm
    copy.headNorm = headNorm.reference
    copy.headNormWeight =
      switch headNormWeight {
      case .none: .none
      case .shared: .shared
      case .full: .full
      }
    copy.hasHeadNormBias = hasHeadNormBias
    copy.hasGate = hasGate
    copy.isFeedForwardGated = feedForward == .glu
    copy.activation =
      switch activation {
      case .silu: .silu
      case .gelu: .gelu
      case .relu: .relu
      case .reluSquared: .reluSquared
      }
    copy.hasRetentionBiases = hasRetentionBiases
    copy.hasFeedForwardBiases = hasFeedForwardBiases
    copy.hasHeadBias = hasHeadBias
    copy.hasEmbeddingResidual = hasEmbeddingResidual
    copy.logitSoftcap = logitSoftcap > 0 ? Double(Float(logitSoftcap)) : nil
    copy.scoreNorm =
      switch scoreNorm {
      case .none: .none
      case .rowDecay: .rowDecay
      case .absOfSum: .absOfSum
      case .sumOfAbs: .sumOfAbs
      }
    copy.rotationLayout = rotationLayout == .interleaved ? .interleaved : .halfSplit
    copy.angles = rotationFrequencies == .linspace ? .linspace : .standard
    copy.rotationBase = rotationBase
    copy.isAngleTableOfAllHeads = rotationSpan == .width
    copy.xposScaleBase = xposScaleBase
    copy.layerTypes = typeOfLayers.map(\.reference)
    copy.attention.headCount = attention.heads
    copy.attention.keyHeadCount = attention.keyHeads
    copy.attention.headWidth = attention.headWidth
    copy.attention.hasInputBiases = attention.biases != .none
    copy.attention.hasOutputBias = attention.biases == .all
    copy.attention.window = attention.window
    copy.attention.rotationBase = attention.rotationBase
    return copy
  }

  /// ln γ from the rules as papers and programs state them.
  private func logDecay(head: Int) -> Double {
    switch decay {
    case .powers: log(1 - pow(2, Double(-5 - head)))
    case .linspace:
      log(1 - exp(log(1.0 / 32) + (log(1.0 / 512) - log(1.0 / 32)) * Double(head) / Double(max(1, heads - 1))))
    case .single: log(127.0 / 128)
    case .none: 0
    }
  }
}

extension ReferenceRetNet {
  /// The same weights in Float64; exact.
  package init(_ configuration: ModelConfiguration, _ parameters: Parameters) {
    let named = parameters.descriptions.map { ($0.name, parameters.tensor($0).reference) }
    self.init(configuration.reference, parameters: Dictionary(uniqueKeysWithValues: named))
  }
}

extension LayerType {
  fileprivate var reference: ReferenceLayerType {
    switch self {
    case .retention: .retention
    case .attention: .attention
    case .linearAttention: .linearAttention
    }
  }
}

extension NormKind {
  fileprivate var reference: ReferenceNormKind {
    switch self {
    case .none: .none
    case .rms: .rms
    case .layer: .layer
    }
  }
}
