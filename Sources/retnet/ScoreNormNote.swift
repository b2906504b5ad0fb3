internal import Modeling
internal import Retention

extension ModelConfiguration {
  /// What to say where a command computes in a form that leaves the model's score norm out.
  ///
  /// No state of constant size can hold Σ_m |R[n, m]|: every new token changes every term (docs/MATH.md, eq. 31).
  ///
  /// - Parameter consequence: What the command does, as the end of the sentence.
  /// - Returns: One line; nil where every form divides by the same.
  func scoreNormNote(_ consequence: String) -> String? {
    guard scoreNorm == .sumOfAbs else { return nil }
    return "note: score norm \(scoreNorm.rawValue): only the parallel form can divide by the sum of absolute scores; "
      + consequence
  }
}
