/// Named model configurations for measuring speed.
package enum ModelPreset: String, CaseIterable, Sendable {
  /// A small language model in which every part of a step takes a noticeable share: 33.6 million parameters.
  case reference
  /// The shape of `fla-hub/retnet-1.3B-100B`: 1.35 billion parameters.
  case retnet1300M = "retnet-1.3b"

  /// The configuration, resolved.
  package var configuration: ModelConfiguration {
    var model = ModelConfiguration()
    switch self {
    case .reference:
      (model.width, model.layers, model.heads, model.valueWidth) = (512, 8, 4, 1024)
      (model.feedForwardWidth, model.vocabularySize, model.isHeadTied) = (1024, 8192, true)
    case .retnet1300M:
      (model.width, model.layers, model.heads, model.valueWidth) = (2048, 24, 8, 4096)
      (model.feedForwardWidth, model.vocabularySize, model.isHeadTied) = (2816, 32_000, false)
    }
    return model.resolved
  }
}
