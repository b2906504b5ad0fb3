// The recurrent form of one head: step by step through the state (docs/MATH.md, eq. 8 and 28).

extension RetentionHead {
  /// How much of the state before step n is left in the state after it: γ, or nothing where a document starts.
  private func kept(_ n: Int) -> Double {
    starts[n] == n ? 0 : decay(1)
  }

  /// Sₙ = γ Sₙ₋₁ + kₙᵀ vₙ and oₙ = qₙ Sₙ.
  func recurrent() -> (o: ReferenceTensor, finalState: ReferenceTensor) {
    var o = ReferenceTensor([T, V])
    var state = initialState
    for n in 0..<T {
      state = stateAfter(n, state)
      for i in 0..<K {
        for j in 0..<V { o[n, j] += q[n, i] * state[i, j] }
      }
    }
    return (o, state)
  }

  /// From the last step to the first, with dSₙ the whole gradient of the state after step n.
  ///
  /// dSₙ = γ dSₙ₊₁ + qₙᵀ dOₙ, dqₙ = dOₙ Sₙᵀ, dkₙ = vₙ dSₙᵀ, dvₙ = kₙ dSₙ.
  func recurrentBackward(
    _ dO: ReferenceTensor, _ dFinalState: ReferenceTensor
  ) -> (dq: ReferenceTensor, dk: ReferenceTensor, dv: ReferenceTensor, dS: ReferenceTensor) {
    var states: [ReferenceTensor] = []
    for n in 0..<T { states.append(stateAfter(n, states.last ?? initialState)) }

    var (dq, dk, dv) = (ReferenceTensor(q.shape), ReferenceTensor(k.shape), ReferenceTensor(v.shape))
    var dState = dFinalState
    for n in (0..<T).reversed() {
      for i in 0..<K {
        for j in 0..<V {
          dState[i, j] += q[n, i] * dO[n, j]
          dq[n, i] += dO[n, j] * states[n][i, j]
          dk[n, i] += v[n, j] * dState[i, j]
          dv[n, j] += k[n, i] * dState[i, j]
        }
      }
      dState = kept(n) * dState
    }
    return (dq, dk, dv, dState)
  }

  private func stateAfter(_ n: Int, _ before: ReferenceTensor) -> ReferenceTensor {
    var state = kept(n) * before
    for i in 0..<K {
      for j in 0..<V { state[i, j] += k[n, i] * v[n, j] }
    }
    return state
  }
}
