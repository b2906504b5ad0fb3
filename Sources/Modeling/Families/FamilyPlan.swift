internal import Glibc
internal import Retention

/// The names of a family's weights, by our names without layer number and suffix.
struct FamilyNames {
  /// What precedes the layer number in the names of a layer.
  let layers: String
  /// A name may have marks: `#` is the number of the layer, which is then not put in front; `@` is the number of a head,
  /// whose rows of the weight are a tensor of their own; `!` at the end stands for no suffix.
  var names: [String: String]
  /// Our names of matrices that are stored [in, out].
  var transposed: Set<String> = []
  /// Our full names of weights that the prefix of the family does not precede, and their names in the file.
  var outside: [String: String] = [:]

  /// The family's name of a weight; with the mark `@` if each head has its own tensor.
  ///
  /// - Parameter canonical: Our name, e.g. `layers.3.ret.q.weight`.
  /// - Returns: The family's name, e.g. `layers.3.retention.q_proj.weight`.
  func foreign(_ canonical: String) -> String {
    var parts = canonical.split(separator: ".").map(String.init)
    let suffix = parts.removeLast()
    let layer = parts[0] == "layers" ? parts[1] : nil
    guard let name = names[key(canonical)] else { preconditionFailure("FamilyNames: no name for \(canonical)") }
    let full = name.hasSuffix("!") ? String(name.dropLast()) : "\(name).\(suffix)"
    guard let layer else { return full }
    return full.contains("#") ? full.replacing("#", with: layer) : "\(layers)\(layer).\(full)"
  }

  func isTransposed(_ canonical: String) -> Bool { transposed.contains(key(canonical)) }

  /// Our name without layer number and suffix.
  private func key(_ canonical: String) -> String {
    Self.nameInLayer(canonical).split(separator: ".").dropLast().joined(separator: ".")
  }

  /// Our name without the number of the layer.
  static func nameInLayer(_ canonical: String) -> String {
    let parts = canonical.split(separator: ".")
    return parts.dropFirst(parts.first == "layers" ? 2 : 0).joined(separator: ".")
  }
}

/// A table that a family stores although it follows from the configuration.
struct ForeignBuffer {
  enum Content {
    /// ln γ [H].
    case logDecays
    /// γ [H].
    case decays
    /// θ of each pair, each twice [K].
    case frequencies
    /// θ of each pair of a head of attention [K/2].
    case attentionFrequencies
    /// (2i + 0.4 K) / (1.4 K) for each pair [K/2]: xPos.
    case xposScales
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
  /// Our names, without layer number, of weights that the family does not have and that are zero.
  var zeros: Set<String> = []
  /// Our names, without layer number, of weights that are multiplied, and the factor.
  var factors: [String: Double] = [:]
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
    case .decays: Decay(c.decay, heads: c.heads).logarithms.map { exp($0) }
    case .frequencies: c.rotation.frequencies.flatMap { [$0, $0] }
    case .attentionFrequencies: c.attention.rotation.frequencies
    case .xposScales: c.rotation.xposLogDecays?.map { exp($0 * (c.xposScaleBase ?? 0)) } ?? []
    }
  }
}
