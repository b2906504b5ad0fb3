/// What the decayed scores of a row are divided by.
package enum ReferenceScoreNorm: Sendable, CaseIterable {
  case none
  /// √Σ_m γ^(n−m).
  case rowDecay
  /// The same, then max(1, |Σ_m R[n, m]|).
  case absOfSum
  /// The same, then max(1, min(5·10⁴, Σ_m |R[n, m]|)).
  case sumOfAbs
}

extension Reference {
  /// 1 / c of each row and head, from the definition: the row's own scores over all it sees (docs/MATH.md, eq. 31).
  ///
  /// - Parameters:
  ///   - inputs: Of retention; what came before the sequence counts as nothing.
  ///   - kind: Which normaliser.
  /// - Returns: [B, T, H].
  package static func scoreNormFactors(_ inputs: RetentionInputs, _ kind: ReferenceScoreNorm) -> ReferenceTensor {
    let (B, T, H, _) = inputs.q.shape4
    var factors = ReferenceTensor([B, T, H], repeating: 1)
    guard kind != .none else { return factors }
    for b in 0..<B {
      for h in 0..<H {
        let head = RetentionHead(inputs, b, h)
        for n in 0..<T { factors[b, n, h] = 1 / head.scoreNorm(n, kind) }
      }
    }
    return factors
  }

  /// Rows of heads [B, T, H, V], each times its own factor [B, T, H].
  package static func scaledHeads(_ x: ReferenceTensor, _ factors: ReferenceTensor) -> ReferenceTensor {
    precondition(factors.shape == x.shape.dropLast(), "scaledHeads: x \(x.shape), factors \(factors.shape)")
    return ReferenceTensor(x.shape, x.values.indices.map { x.values[$0] * factors.values[$0 / x.width] })
  }
}

extension RetentionHead {
  fileprivate func scoreNorm(_ n: Int, _ kind: ReferenceScoreNorm) -> Double {
    var (decays, sum, absoluteSum) = (0.0, 0.0, 0.0)
    for m in max(0, starts[n])...n {
      var score = 0.0
      for i in 0..<K { score += q[n, i] * k[m, i] }
      decays += decay(n - m)
      sum += score * decay(n - m)
      absoluteSum += abs(score) * decay(n - m)
    }
    let root = decays.squareRoot()
    return switch kind {
    case .none: 1
    case .rowDecay: root
    case .absOfSum: root * max(1, abs(sum) / root)
    case .sumOfAbs: root * max(1, min(5e4, absoluteSum / root))
    }
  }
}
