// The parallel form of one head: every pair of steps at once (docs/MATH.md, eq. 6 and 11).

extension RetentionHead {
  /// D[n, m]: γ^(n−m) when step n sees step m of its own document, else 0.
  private func mask(_ n: Int, _ m: Int) -> Double {
    m <= n && m >= starts[n] ? decay(n - m) : 0
  }

  /// How much of the initial state is left when step n reads it.
  private func leftOfInitialState(_ n: Int) -> Double {
    starts[n] < 0 ? decay(n + 1) : 0
  }

  /// The weight with which step m enters the final state: as a step T would see it, one factor γ less.
  private func weightInFinalState(_ m: Int) -> Double {
    m >= starts[T - 1] ? decay(T - 1 - m) : 0
  }

  /// o = (q kᵀ ⊙ D) v + left ⊙ (q S₀), with the final state Σ weightₘ kₘᵀ vₘ + left S₀.
  func parallel() -> (o: ReferenceTensor, finalState: ReferenceTensor) {
    var o = ReferenceTensor([T, V])
    for n in 0..<T {
      for m in 0...n {
        var a = 0.0
        for i in 0..<K { a += q[n, i] * k[m, i] }
        a *= mask(n, m)
        for j in 0..<V { o[n, j] += a * v[m, j] }
      }
      let left = leftOfInitialState(n)
      for i in 0..<K {
        for j in 0..<V { o[n, j] += left * q[n, i] * initialState[i, j] }
      }
    }
    guard T > 0 else { return (o, initialState) }

    var finalState = leftOfInitialState(T - 1) * initialState
    for m in 0..<T {
      let weight = weightInFinalState(m)
      for i in 0..<K {
        for j in 0..<V { finalState[i, j] += weight * k[m, i] * v[m, j] }
      }
    }
    return (o, finalState)
  }

  /// With A = q kᵀ ⊙ D and P = dO vᵀ ⊙ D: dq = P k, dk = Pᵀ q, dv = Aᵀ dO, plus the terms of the two states.
  func parallelBackward(
    _ dO: ReferenceTensor, _ dFinalState: ReferenceTensor
  ) -> (dq: ReferenceTensor, dk: ReferenceTensor, dv: ReferenceTensor, dS: ReferenceTensor) {
    var (dq, dk, dv) = (ReferenceTensor(q.shape), ReferenceTensor(k.shape), ReferenceTensor(v.shape))
    guard T > 0 else { return (dq, dk, dv, dFinalState) }

    for n in 0..<T {
      for m in 0...n {
        var (a, p) = (0.0, 0.0)
        for i in 0..<K { a += q[n, i] * k[m, i] }
        for j in 0..<V { p += dO[n, j] * v[m, j] }
        a *= mask(n, m)
        p *= mask(n, m)
        for i in 0..<K {
          dq[n, i] += p * k[m, i]
          dk[m, i] += p * q[n, i]
        }
        for j in 0..<V { dv[m, j] += a * dO[n, j] }
      }
    }

    var dS = leftOfInitialState(T - 1) * dFinalState
    for n in 0..<T {
      let (left, weight) = (leftOfInitialState(n), weightInFinalState(n))
      for i in 0..<K {
        for j in 0..<V {
          dq[n, i] += left * dO[n, j] * initialState[i, j]
          dS[i, j] += left * q[n, i] * dO[n, j]
          dk[n, i] += weight * v[n, j] * dFinalState[i, j]
          dv[n, j] += weight * k[n, i] * dFinalState[i, j]
        }
      }
    }
    return (dq, dk, dv, dS)
  }
}
