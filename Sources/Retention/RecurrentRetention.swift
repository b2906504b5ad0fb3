package import Tensors

/// Retains token by token: S ← γ S + k vᵀ, o = q S (docs/MATH.md, eq. 8; Sun et al. 2023, eq. 6).
///
/// Cost per token and head O(K·V), whatever came before.
///
/// - Parameters:
///   - o: Outputs [B·T, H·V], not normalised.
///   - q: Queries [B·T, H·K], rotated.
///   - k: Keys [B·T, Hk·K], rotated and scaled by K^-½.
///   - v: Values [B·T, Hk·V].
///   - shape: The extents.
///   - table: Powers of γ for at least one step.
///   - state: Before and after; see `RetentionState`.
///   - documents: For each token [B·T] the index in its sequence at which its document starts, -1 for a document
///     that began before this call; the state is forgotten there. nil: one document, which goes on.
///   - pool: Where sequences and heads run.
/// - Precondition: Shapes as above.
package func recurrentRetention(
  _ o: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix, shape: RetentionShape, table: DecayTable, state: RetentionState,
  documents: Indices? = nil, on pool: WorkerPool
) {
  shape.check(o, q, k, v, in: #function)
  state.check(shape, in: #function)
  table.check(shape, documents, in: #function)
  // A head's tokens are one after the other; small ones share a task, so that waking a worker pays.
  let work = shape.time * shape.keyWidth * shape.valueWidth
  pool.runRanges(
    of: shape.batch * shape.heads, grain: max(1, 32_768 / max(1, work)),
    with: (o, q, k, v, shape, table, state, documents)
  ) { context, range in
    let (o, q, k, v, shape, table, state, documents) = context
    for index in range {
      let (b, h) = (index / shape.heads, index % shape.heads)
      let stored = state.matrix(b, h)
      var scale = state.scales[index]
      for t in 0..<shape.time {
        if let documents, Int(documents[b * shape.time + t]) == t {
          state.tensor(b, h).fill(0)
          scale = 1
        }
        let step = ScaleStep(scale: scale, power: table.power(h, 1))
        scale = step.scale
        let now = t..<t + 1
        retainStep(
          shape.queryBlock(o, b, h, now, width: shape.valueWidth), stored,
          shape.queryBlock(q, b, h, now, width: shape.keyWidth), shape.keyBlock(k, b, h, now, width: shape.keyWidth),
          shape.keyBlock(v, b, h, now, width: shape.valueWidth), keep: Float(step.keep),
          keyScale: Float(1 / step.scale), queryScale: Float(step.scale))
      }
      state.scales[index] = scale
    }
  }
}
