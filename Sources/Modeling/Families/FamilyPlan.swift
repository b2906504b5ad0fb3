internal import Retention

/// The names of a family's weights, by our names without layer number and suffix.
struct FamilyNames {
  /// What precedes the layer number in the names of a layer.
  let layers: String
  var names: [String: String]

  /// The family's name of a weight.
  ///
  /// - Parameter canonical: Our name, e.g. `layers.3.ret.q.weight`.
  /// - Returns: The family's name, e.g. `layers.3.retention.q_proj.weight`.
  func foreign(_ canonical: String) -> String {
    var parts = canonical.split(separator: ".").map(String.init)
    let suffix = parts.removeLast()
    var prefix = ""
    if parts[0] == "layers" {
      prefix = "\(layers)\(parts[1])."
      parts.removeFirst(2)
    }
    guard let name = names[parts.joined(separator: ".")] else {
      preconditionFailure("FamilyNames: no name for \(canonical)")
    }
    return "\(prefix)\(name).\(suffix)"
  }
}

/// A table that a family stores although it follows from the configuration.
struct ForeignBuffer {
  enum Content {
    /// ln γ [H].
    case logDecays
    /// θ of each pair, each twice [K].
    case frequencies
  }
  let name: String
  let content: Content
}

/// How the weights of one family become a model.
struct FamilyPlan {
  var configuration: ModelConfiguration
  let names: FamilyNames
  /// Tables that the file may contain.
  let buffers: [ForeignBuffer]
  /// Sentences on what was assumed.
  var remarks: [String] = []
  /// What the rows of embedding and head may stand for besides a tokenizer's ids; nil: nothing else.
  var fairseq: FairseqVocabulary?
}

/// The meaning of ids in a model that may have been trained by fairseq.
struct FairseqVocabulary {
  /// Whether the weights are those of a fairseq file, by their names.
  let isCertain: Bool
  /// The row of the token that sequences start with: `<s>` (0) with fairseq's `add_bos_token`, else `</s>` (2).
  let start: Int
  /// The row of `</s>`.
  let end = 2
}

extension ForeignBuffer.Content {
  /// The numbers of the table in Float64.
  func values(_ c: ModelConfiguration) -> [Double] {
    switch self {
    case .logDecays: Decay(c.decay, heads: c.heads).logarithms
    case .frequencies:
      c.rotationFrequencies.values(keyWidth: c.keyWidth / c.heads, base: c.rotationBase).flatMap { [$0, $0] }
    }
  }
}
