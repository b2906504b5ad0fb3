// The chunkwise form of one head: a masked product inside a chunk, the state between chunks
// (docs/MATH.md, eq. 7; backward: eq. 12 with s = 1).

extension RetentionHead {
  /// The steps of one chunk and the three decays that its formulas use.
  private struct Chunk {
    let first: Int
    let count: Int
    /// D[j, i]: γ^(j−i) when local step j sees local step i of its own document.
    let mask: (Int, Int) -> Double
    /// ξ[j]: how much of the entering state local step j sees.
    let seen: (Int) -> Double
    /// ζ[i]: the weight of local step i in the leaving state.
    let weight: (Int) -> Double
    /// How much of the entering state is in the leaving one.
    let kept: Double
  }

  private func chunks(_ length: Int) -> [Chunk] {
    precondition(length >= 1, "chunkwise retention: chunk length \(length)")
    return stride(from: 0, to: T, by: length).map { first in
      let count = min(length, T - first)
      let lastStart = starts[first + count - 1]
      return Chunk(
        first: first, count: count,
        mask: { j, i in i <= j && first + i >= starts[first + j] ? decay(j - i) : 0 },
        seen: { j in starts[first + j] < first ? decay(j + 1) : 0 },
        weight: { i in first + i >= lastStart ? decay(count - 1 - i) : 0 },
        kept: lastStart < first ? decay(count) : 0)
    }
  }

  /// o = (q kᵀ ⊙ D) v + ξ ⊙ (q S), then S ← γ^C S + kᵀ (ζ ⊙ v).
  func chunkwise(_ length: Int) -> (o: ReferenceTensor, finalState: ReferenceTensor) {
    var o = ReferenceTensor([T, V])
    var state = initialState
    for chunk in chunks(length) {
      let c = chunk.first
      for j in 0..<chunk.count {
        for i in 0...j {
          var a = 0.0
          for x in 0..<K { a += q[c + j, x] * k[c + i, x] }
          a *= chunk.mask(j, i)
          for y in 0..<V { o[c + j, y] += a * v[c + i, y] }
        }
        let seen = chunk.seen(j)
        for x in 0..<K {
          for y in 0..<V { o[c + j, y] += seen * q[c + j, x] * state[x, y] }
        }
      }
      state = stateAfter(chunk, state)
    }
    return (o, state)
  }

  /// From the last chunk to the first, with S the entering state and dS the gradient of the leaving one.
  ///
  /// dq = P k + ξ ⊙ (dO Sᵀ), dk = Pᵀ q + ζ ⊙ (v dSᵀ), dv = Aᵀ dO + ζ ⊙ (k dS), dS ← γ^C dS + (ξ ⊙ q)ᵀ dO, with
  /// A = q kᵀ ⊙ D and P = dO vᵀ ⊙ D.
  func chunkwiseBackward(
    _ length: Int, _ dO: ReferenceTensor, _ dFinalState: ReferenceTensor
  ) -> (dq: ReferenceTensor, dk: ReferenceTensor, dv: ReferenceTensor, dS: ReferenceTensor) {
    let chunks = chunks(length)
    var entering = [initialState]
    for chunk in chunks { entering.append(stateAfter(chunk, entering[entering.count - 1])) }

    var (dq, dk, dv) = (ReferenceTensor(q.shape), ReferenceTensor(k.shape), ReferenceTensor(v.shape))
    var dState = dFinalState
    for (chunk, state) in zip(chunks, entering).reversed() {
      let c = chunk.first
      var dEntering = chunk.kept * dState
      for j in 0..<chunk.count {
        for i in 0...j {
          var (a, p) = (0.0, 0.0)
          for x in 0..<K { a += q[c + j, x] * k[c + i, x] }
          for y in 0..<V { p += dO[c + j, y] * v[c + i, y] }
          a *= chunk.mask(j, i)
          p *= chunk.mask(j, i)
          for x in 0..<K {
            dq[c + j, x] += p * k[c + i, x]
            dk[c + i, x] += p * q[c + j, x]
          }
          for y in 0..<V { dv[c + i, y] += a * dO[c + j, y] }
        }
        let (seen, weight) = (chunk.seen(j), chunk.weight(j))
        for x in 0..<K {
          for y in 0..<V {
            dq[c + j, x] += seen * dO[c + j, y] * state[x, y]
            dEntering[x, y] += seen * q[c + j, x] * dO[c + j, y]
            dk[c + j, x] += weight * v[c + j, y] * dState[x, y]
            dv[c + j, y] += weight * k[c + j, x] * dState[x, y]
          }
        }
      }
      dState = dEntering
    }
    return (dq, dk, dv, dState)
  }

  private func stateAfter(_ chunk: Chunk, _ before: ReferenceTensor) -> ReferenceTensor {
    var state = chunk.kept * before
    for i in 0..<chunk.count {
      let weight = chunk.weight(i)
      for x in 0..<K {
        for y in 0..<V { state[x, y] += weight * k[chunk.first + i, x] * v[chunk.first + i, y] }
      }
    }
    return state
  }
}
