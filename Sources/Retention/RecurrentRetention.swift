package import Tensors

/// The recurrent form of retention, token by token: S ← γ S + k vᵀ, o = q S.
///
/// Cost per token and head O(K·V), independent of how many tokens came before. Source: docs/MATH.md, eq. 8; Sun et al.
/// 2023, eq. 6.
///
/// - Parameters:
///   - o: Outputs [B·T, H·V], not normalised.
///   - q: Queries [B·T, H·K], rotated.
///   - k: Keys [B·T, Hk·K], rotated and scaled by K^-½.
///   - v: Values [B·T, Hk·V].
///   - shape: The extents.
///   - table: Powers of γ for at least one step.
///   - state: Read as the state before the call, replaced by the state after it; see `RetentionState`.
///   - documentStarts: For each token [B·T] the index in its sequence at which its document starts, -1 for a document
///     that started before this call. The state is cleared at a start. nil: one document that continues.
///   - pool: Where sequences and heads run.
/// - Precondition: Shapes as above.
package func recurrentRetention(
  _ o: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix, shape: RetentionShape, table: DecayTable, state: RetentionState,
  documentStarts: Indices? = nil, on pool: WorkerPool
) {
  shape.check(o, q, k, v, in: #function)
  state.check(shape, in: #function)
  table.check(shape, documentStarts, in: #function)
  // The tokens of a head run one after the other. Small heads share a task, so that waking a worker pays off.
  let work = shape.time * shape.keyWidth * shape.valueWidth
  pool.runRanges(
    of: shape.batch * shape.heads, grain: max(1, 32_768 / max(1, work)),
    with: (o, q, k, v, shape, table, state, documentStarts)
  ) { context, range in
    let (o, q, k, v, shape, table, state, documentStarts) = context
    for index in range {
      let (b, h) = (index / shape.heads, index % shape.heads)
      let stored = state.matrix(b, h)
      var scale = state.scales[index]
      for t in 0..<shape.time {
        if let documentStarts, Int(documentStarts[b * shape.time + t]) == t {
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
