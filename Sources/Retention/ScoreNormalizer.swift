internal import Glibc
package import Tensors

/// The normalisation of decayed scores: the number c by which a row of scores is divided (docs/MATH.md, eq. 31).
///
/// The head norm that follows cancels c, except for its ε. But a model should compute what it was trained with. R are
/// the decayed scores, and s = Σ_m γ^(n-m).
package enum ScoreNorm: String, CaseIterable, Sendable {
  /// c = 1: flash-linear-attention, yet-another-retnet.
  case none
  /// c = √s.
  case rowDecay = "row_decay"
  /// c = √s · max(1, |Σ_m R[n, m]| / √s): torchscale 0.3.0.
  case absOfSum = "abs_of_sum"
  /// c = √s · max(1, min(5e4, Σ_m |R[n, m]| / √s)): torchscale since November 2023.
  ///
  /// Only the parallel form can compute it; the other forms leave out the second factor.
  case sumOfAbs = "sum_of_abs"
}

/// The recurrent state of score normalisation, of constant size; it is kept beside the retention state.
package struct ScoreNormState: Sendable {
  /// s = Σ_m γ^(n-m) over the tokens read [B·H].
  package let rowSums: DoubleBuffer
  /// z = Σ_m γ^(n-m) k_m, the retention of ones [B, H, K, 1].
  package let keySums: RetentionState

  package init(_ shape: RetentionShape) {
    rowSums = DoubleBuffer(count: shape.batch * shape.heads)
    keySums = RetentionState(shape.withUnitValues)
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(_ shape: RetentionShape) -> Double {
    DoubleBuffer.byteCount(shape.batch, shape.heads) + RetentionState.byteCount(shape.withUnitValues)
  }

  package func clear(on pool: WorkerPool) {
    for index in 0..<rowSums.count { rowSums[index] = 0 }
    keySums.clear(on: pool)
  }

  package func copy(_ other: ScoreNormState, on pool: WorkerPool) {
    for index in 0..<rowSums.count { rowSums[index] = other.rowSums[index] }
    keySums.copy(other.keySums, on: pool)
  }
}

/// Computes 1 / c for each row and head, where c is the divisor of the row's scores (docs/MATH.md, eq. 31).
///
/// - Parameters:
///   - factors: [B·T·H], in the order of tokens, then heads.
///   - norm: The normalisation.
///   - shape: The extents.
///   - decay: The decay of each head.
///   - state: Its row sums are read as those before the call, and replaced by those after it.
///   - documentStarts: As in `recurrentRetention`.
///   - scoreSums: Σ_m R[n, m] with `.absOfSum`, Σ_m |R[n, m]| with `.sumOfAbs`, before any normalisation [B·T, H].
///     nil: unknown; the second factor of c is left out.
package func scoreNormFactors(
  _ factors: Tensor, norm: ScoreNorm, shape: RetentionShape, decay: Decay, state: ScoreNormState,
  documentStarts: Indices?,
  scoreSums: Tensor?
) {
  checkShape(factors, Shape(shape.batch * shape.time * shape.heads), "factors")
  if let scoreSums { checkShape(scoreSums, Shape(shape.batch * shape.time, shape.heads), "scoreSums") }
  for b in 0..<shape.batch {
    for h in 0..<shape.heads {
      let power = decay.power(head: h, 1)
      var sum = state.rowSums[b * shape.heads + h]
      for t in 0..<shape.time {
        let startsHere = documentStarts.map { Int($0[b * shape.time + t]) == t } ?? false
        sum = (startsHere ? 0 : sum * power) + 1
        let index = (b * shape.time + t) * shape.heads + h
        let root = sum.squareRoot()
        let scores = scoreSums.map { abs(Double($0[index])) / root } ?? 0
        factors[index] = Float(1 / (root * max(1, norm == .sumOfAbs ? min(5e4, scores) : scores)))
      }
      state.rowSums[b * shape.heads + h] = sum
    }
  }
}

extension RetentionShape {
  /// The same extents with values of width 1. With values of one, retention sums the scores of each row.
  package var withUnitValues: RetentionShape {
    var copy = self
    copy.valueWidth = 1
    return copy
  }
}
