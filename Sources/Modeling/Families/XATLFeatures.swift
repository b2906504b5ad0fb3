internal import Checkpoints
internal import Configurations

/// What a model of RetNet-XATL computes that is not implemented here, as far as its file uses it.
///
/// RetNet-XATL is syncdoth/RetNet with more settings, in its own form and in that of lit-gpt.
/// Sources: syncdoth/RetNet-XATL, its configuration_retnet.py and modeling_retnet.py.
struct XATLFeatures {
  /// The settings that only RetNet-XATL has, with the feature that each value but the usual one stands for.
  private static let settings: [(key: String, usual: [ConfigurationValue], feature: String)] = [
    ("parallel_residual", [.boolean(false)], "a parallel residual"),
    ("rotary_percentage", [.number(1), .integer(1)], "partial rotation"),
    ("shared_attention_norm", [.boolean(false)], "one norm for retention and feed-forward part"),
    ("groupnorm_affine", [.boolean(false)], "a head norm with weights and biases"),
    ("retnet_bottleneck", [.boolean(false), .integer(0)], "a bottleneck behind retention"),
    ("hybrid_attention_layers", [], "layers of attention"),
    ("retnet_stability_update", [.boolean(false), .boolean(true)], "other divisors of scores"),
  ]
  /// Parts of tensor names that stand for a feature.
  private static let tensors = [
    (".group_norm.", "a head norm with weights and biases"), (".down_proj.", "a bottleneck behind retention"),
    ("attn.reten.", "one matrix for queries, keys and values"),
  ]

  /// The features in words; empty if the file uses none of them.
  private let features: [String]

  /// - Returns: nil if neither names nor settings are those of RetNet-XATL.
  init?(_ names: [String], _ settings: ForeignConfiguration) {
    let isLit = names.contains { $0.contains("transformer.h.") }
    let ownTensors = names.contains { $0.contains("retention.group_norm.") || $0.contains("retention.down_proj.") }
    let present = Self.settings.filter { settings.isGiven($0.key) }
    guard isLit || ownTensors || !present.isEmpty else { return nil }
    var features: [String] = []
    for (key, usual, feature) in present where !usual.contains(where: { settings.isGiven(key, as: $0) }) {
      features.append("\(feature) (\(key): \(settings.described(key)))")
    }
    for (part, feature) in Self.tensors where !features.contains(where: { $0.hasPrefix(feature) }) {
      if let name = names.first(where: { $0.contains(part) }) { features.append("\(feature) (tensor \(quoted(name)))") }
    }
    self.features = features
  }

  /// The model with its features, for a message.
  var description: String {
    features.isEmpty ? "RetNet-XATL" : "RetNet-XATL with \(features.joined(separator: ", "))"
  }
}
