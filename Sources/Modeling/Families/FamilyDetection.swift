internal import Checkpoints

/// Which family the names of tensors tell of, and what they begin with before the family's own names.
struct FamilyDetection {
  let family: ModelFamily
  /// Left by wrappers, as `module.`; empty in general.
  let prefix: String

  /// - Parameter weights: All the names count.
  /// - Throws: `ModelFileError.unsupported` for relatives that compute something else, `.unknownWeights`.
  init(_ weights: WeightsFile) throws(ModelFileError) {
    for tensor in weights.tensors {
      if let (_, found) = Self.relatives.first(where: { tensor.name.contains($0.fragment) }) {
        throw .unsupported(path: weights.path, found: "\(found) (tensor \(quoted(tensor.name)))")
      }
    }
    for tensor in weights.tensors {
      if let prefix = Self.prefix(of: tensor.name, before: "layers.0.attn.q_proj.weight", removing: "model.") {
        self.init(.fla, prefix)
        return
      }
      if weights.description(of: "out.weight") != nil || tensor.name.hasPrefix("module."),
        let prefix = Self.prefix(of: tensor.name, before: "decoder.layers.0.retention.q_proj.weight"),
        weights.description(of: prefix + "out.weight") != nil
      {
        self.init(.yetAnotherRetNet, prefix)
        return
      }
      guard let prefix = Self.prefix(of: tensor.name, before: "layers.0.retention.q_proj.weight") else { continue }
      let isHuggingFace =
        prefix.hasSuffix("model.") && weights.description(of: prefix + "output_projection.weight") == nil
      self.init(isHuggingFace ? .syncdoth : .torchscale, isHuggingFace ? String(prefix.dropLast(6)) : prefix)
      return
    }
    throw .unknownWeights(path: weights.path)
  }

  private init(_ family: ModelFamily, _ prefix: String) {
    self.family = family
    self.prefix = prefix
  }

  /// Parts of names that only models have which are no RetNets, or RetNets with parts that are not computed here.
  private static let relatives: [(fragment: String, found: String)] = [
    ("moe_layer", "a mixture of experts"), (".A.", "a multiway model"), (".B.", "a multiway model"),
    ("transformer.h.", "RetNet-XATL in its lit form"), ("retention.group_norm", "RetNet-XATL"),
    ("retention.down_proj", "RetNet-XATL"), (".msr.qkv.", "the first version of syncdoth/RetNet"),
    (".W_Q", "Jamie-Stirling/RetNet"), ("gt_proj", "the gated retention of YOCO"),
    ("_conv1d.", "short convolutions"), ("attnres", "attention residuals"),
    ("ffn_layernorm", "a norm inside the feed-forward part"),
  ]

  /// What wrappers put before every name.
  private static let wrappers = ["module.", "decoder.", "model.", "_orig_mod.", "state_dict."]

  /// What stands before a name, if it consists of wrappers alone.
  private static func prefix(of name: String, before ending: String, removing own: String = "") -> String? {
    guard name.hasSuffix(own + ending) else { return nil }
    let prefix = name.dropLast(own.count + ending.count)
    var rest = prefix
    while let wrapper = wrappers.first(where: { rest.hasPrefix($0) }) { rest = rest.dropFirst(wrapper.count) }
    return rest.isEmpty ? String(prefix) : nil
  }
}
