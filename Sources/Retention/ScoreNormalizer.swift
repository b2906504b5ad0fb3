internal import Glibc
package import Tensors

/// What the decayed scores of a row are divided by (docs/MATH.md, eq. 31). The head norm that follows takes the length
/// out of a row again, so only its ε feels the difference; but a model computes what it was trained with.
package enum ScoreNorm: String, CaseIterable, Sendable {
  /// Nothing: flash-linear-attention, yet-another-retnet.
  case none
  /// √Σ_m γ^(n-m).
  case rowDecay = "row_decay"
  /// The same, then max(1, |Σ_m R[n, m]|): torchscale 0.3.0.
  case absOfSum = "abs_of_sum"
  /// The same, then max(1, min(5e4, Σ_m |R[n, m]|)): torchscale since November 2023. Only the parallel form can know
  /// it; the others leave the second factor out.
  case sumOfAbs = "sum_of_abs"
}

/// What score normalisation remembers: constant in size, beside the retention state.
package struct ScoreNormState: Sendable {
  /// Σ_m γ^(n-m) of the tokens read [B·H].
  package let rowSums: DoubleBuffer
  /// z = Σ_m γ^(n-m) k_m: a retention of ones [B, H, K, 1].
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

/// Computes 1 / c for each row and head, c being what the row's scores are divided by.
///
/// - Parameters:
///   - factors: [B·T·H], rows of tokens, then heads.
///   - norm: Which normaliser.
///   - shape: The extents.
///   - decay: Of the heads.
///   - state: Row sums before and after.
///   - documents: As in `recurrentRetention`.
///   - scoreSums: Σ_m R[n, m] with `.absOfSum`, Σ_m |R[n, m]| with `.sumOfAbs`, before any normalisation [B·T, H];
///     nil: unknown, and left out.
package func scoreNormFactors(
  _ factors: Tensor, norm: ScoreNorm, shape: RetentionShape, decay: Decay, state: ScoreNormState, documents: Indices?,
  scoreSums: Tensor?
) {
  checkShape(factors, Shape(shape.batch * shape.time * shape.heads), "factors")
  if let scoreSums { checkShape(scoreSums, Shape(shape.batch * shape.time, shape.heads), "scoreSums") }
  for b in 0..<shape.batch {
    for h in 0..<shape.heads {
      let power = decay.power(head: h, 1)
      var sum = state.rowSums[b * shape.heads + h]
      for t in 0..<shape.time {
        let startsHere = documents.map { Int($0[b * shape.time + t]) == t } ?? false
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
  /// The same retention with values of width 1: of ones, it sums the scores of each row.
  package var withUnitValues: RetentionShape {
    var copy = self
    copy.valueWidth = 1
    return copy
  }
}
