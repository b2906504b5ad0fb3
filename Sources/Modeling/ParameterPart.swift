/// What weights are for.
package enum ParameterPart: String, CaseIterable, Sendable {
  case embedding
  /// Projections to queries, keys, values and gates, and the output.
  case retention
  case feedForward = "feed-forward"
  /// Every norm, that of the heads included.
  case norms
  /// The output head, where it is not the embedding.
  case head
}

extension ParameterDescription {
  /// Told by the name (docs/CHECKPOINT.md, section 2).
  package var part: ParameterPart {
    if name.contains("norm.") { return .norms }
    if name.hasPrefix("embed.") { return .embedding }
    if name.hasPrefix("lm_head.") { return .head }
    return name.contains(".ret.") ? .retention : .feedForward
  }
}
