/// What a family calls its weights: canonical names without number and suffix, and the family's.
struct FamilyNames {
  /// What a layer's names begin with, before its number.
  let layers: String
  var names: [String: String]

  /// The family's name of a weight.
  ///
  /// - Parameter canonical: As `layers.3.ret.q.weight`.
  /// - Returns: As `layers.3.retention.q_proj.weight`.
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

/// A table that a family stores though it follows from the configuration.
struct ForeignBuffer {
  enum Content {
    /// ln γ [H].
    case logDecays
    /// θ of each pair, twice [K].
    case frequencies
  }
  let name: String
  let content: Content
}

/// How one family's weights become a model.
struct FamilyPlan {
  var configuration: ModelConfiguration
  let names: FamilyNames
  /// Each may be missing.
  let buffers: [ForeignBuffer]
  /// What was taken for granted.
  var remarks: [String] = []
}
