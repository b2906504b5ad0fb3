internal import Checkpoints

/// Which family the names of tensors tell of, and what they begin with before the family's own names.
struct FamilyDetection {
  let family: ModelFamily
  /// Left by containers, as `decoder.`; empty in general.
  let prefix: String

  /// - Parameters:
  ///   - weights: All the names count, without what wrappers add.
  ///   - settings: What is written beside the weights; it decides where two families use the same names.
  /// - Throws: `ModelFileError.unsupported` for relatives that compute something else, `.unknownWeights`.
  init(_ weights: WeightsFile, _ settings: ForeignConfiguration) throws(ModelFileError) {
    for tensor in weights.tensors {
      if let (_, found) = Self.relatives.first(where: { tensor.name.contains($0.fragment) }) {
        throw .unsupported(path: weights.path, found: "\(found) (tensor \(quoted(tensor.name)))")
      }
    }
    let names = weights.tensors.map { UnwrappedWeights.unwrapped($0.name) }
    // A tied head may stand in the metadata alone.
    let known = Set(names + weights.metadata.keys.map { UnwrappedWeights.unwrapped($0) })
    for name in names {
      if let prefix = Self.prefix(of: name, before: "model.layers.0.attn.q_proj.weight") {
        self.init(.fla, prefix)
        return
      }
      guard let prefix = Self.prefix(of: name, before: "layers.0.retention.q_proj.weight") else { continue }
      // What is one family's own first part is a container of another: the head tells them apart.
      if let outer = Self.dropping("decoder.", from: prefix), known.contains(outer + "out.weight") {
        self.init(.yetAnotherRetNet, outer)
      } else if let outer = Self.dropping("model.", from: prefix), !known.contains(prefix + "output_projection.weight"),
        // Without a head, the names under `model.` may be either's: the weights are tied.
        known.contains(outer + "lm_head.weight") || !settings.has("share_decoder_input_output_embed")
      {
        self.init(.syncdoth, outer)
      } else {
        self.init(.torchscale, prefix)
      }
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

  /// What stands before a name, as `decoder.` or `net.model.`: whatever programs have called what holds the model.
  private static func prefix(of name: String, before ending: String) -> String? {
    guard name.hasSuffix(ending) else { return nil }
    let prefix = String(name.dropLast(ending.count))
    return prefix.isEmpty || prefix.hasSuffix(".") ? prefix : nil
  }

  /// A prefix without its last part, if that is the given one.
  private static func dropping(_ part: String, from prefix: String) -> String? {
    prefix.hasSuffix(part) ? String(prefix.dropLast(part.count)) : nil
  }
}
