package import Tensors

/// The chunkwise form of retention: a masked product inside each chunk, and the state between chunks.
///
/// o_c = (q_c k_cᵀ ⊙ D) v_c + ξ ⊙ (q_c S), S ← γ^C S + k_cᵀ (ζ ⊙ v_c) (docs/MATH.md, eq. 7; Sun et al. 2023, eq. 7).
///
/// There are three parallel regions, so that all chunks of all heads run at once: each chunk's own contribution to the
/// state, the running sum of these, each chunk's outputs. Cost per head O(T·C·(K+V) + T·K·V), scratch O(C²) per worker.
///
/// - Parameters:
///   - o: Outputs [B·T, H·V], not normalised.
///   - q: Queries [B·T, H·K], rotated.
///   - k: Keys [B·T, Hk·K], rotated and scaled by K^-½.
///   - v: Values [B·T, Hk·V].
///   - shape: The extents.
///   - chunkLength: Tokens in a chunk, ≥ 1.
///   - table: Powers of γ for at least a chunk.
///   - state: Read as the state before the call, replaced by the state after it; see `RetentionState`.
///   - documentStarts: As in `recurrentRetention`.
///   - states: Receives the states at the chunk borders, for the backward.
///   - scratch: Made for at least this chunk length.
///   - precision: Precision of the products' operands; the state and all sums are Float32.
///   - pool: Where sequences, heads and chunks run.
/// - Precondition: Shapes as above.
package func chunkwiseRetention(
  _ o: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix, shape: RetentionShape, chunkLength: Int, table: DecayTable,
  state: RetentionState, documentStarts: Indices? = nil, states: ChunkStates, scratch: ChunkScratch,
  precision: ProductPrecision = .float32, on pool: WorkerPool
) {
  shape.check(o, q, k, v, in: #function)
  state.check(shape, in: #function)
  let plan = ChunkPlan(time: shape.time, length: chunkLength)
  guard plan.count > 0 else { return }
  let call = ChunkwiseCall(
    shape: shape, plan: plan, table: table, states: states, documentStarts: documentStarts, scratch: scratch,
    products: TaskProducts(precision, on: pool))
  call.check(workers: pool.threadCount, in: #function)
  let sequences = shape.batch * shape.heads
  for sequence in 0..<sequences { call.moveScales(sequence, from: state.scales[sequence]) }

  pool.run(sequences * plan.count, with: (call, k, v)) { context, index, worker in
    let (call, k, v) = context
    let (shape, chunk) = (call.shape, index % call.plan.count)
    let (b, h) = (index / call.plan.count / shape.heads, index / call.plan.count % shape.heads)
    let range = call.plan.range(chunk)
    let keys = call.scratch.scaled(worker, range.count, shape.keyWidth)
    scaleRows(
      keys, shape.keyBlock(k, b, h, range, width: shape.keyWidth), factor: call.leaving(b, h, chunk, worker: worker))
    call.products.multiply(
      call.states.matrix(b * shape.heads + h, chunk + 1), keys,
      shape.keyBlock(v, b, h, range, width: shape.valueWidth), transposed: .first, accumulate: false, worker: worker)
  }

  pool.run(sequences, with: (call, state)) { context, sequence, _ in
    let (call, state) = context
    let (states, chunks) = (call.states, call.plan.count)
    let (b, h) = (sequence / call.shape.heads, sequence % call.shape.heads)
    copyHere(states.tensor(sequence, 0), state.tensor(b, h))
    for chunk in 0..<chunks {
      let keep = states.keeps[states.entry(sequence, chunk)]
      if keep != 0 { addHere(states.tensor(sequence, chunk + 1), states.tensor(sequence, chunk), factor: Float(keep)) }
    }
    copyHere(state.tensor(b, h), states.tensor(sequence, chunks))
    state.scales[sequence] = states.scales[states.entry(sequence, chunks)]
  }

  pool.run(sequences * plan.count, with: (call, o, q, k, v)) { context, index, worker in
    let (call, o, q, k, v) = context
    let (shape, chunk) = (call.shape, index % call.plan.count)
    let (b, h) = (index / call.plan.count / shape.heads, index / call.plan.count % shape.heads)
    let range = call.plan.range(chunk)
    let queries = shape.queryBlock(q, b, h, range, width: shape.keyWidth)
    let outputs = shape.queryBlock(o, b, h, range, width: shape.valueWidth)
    let scores = call.maskedScores(queries, shape.keyBlock(k, b, h, range, width: shape.keyWidth), b, h, chunk, worker)
    call.products.multiply(
      outputs, scores, shape.keyBlock(v, b, h, range, width: shape.valueWidth), transposed: .none, accumulate: false,
      worker: worker)
    let scaled = call.scratch.scaled(worker, range.count, shape.keyWidth)
    scaleRows(scaled, queries, factor: call.entering(b, h, chunk, worker: worker))
    call.products.multiply(
      outputs, scaled, call.states.matrix(b * shape.heads + h, chunk), transposed: .none, accumulate: true,
      worker: worker)
  }
}

/// The backward of `chunkwiseRetention` (docs/MATH.md, eq. 12): from do to dq, dk, dv and the gradient of the state.
///
/// - Parameters:
///   - dq: [B·T, H·K].
///   - dk: [B·T, Hk·K].
///   - dv: [B·T, Hk·V].
///   - dstate: Gradient of the state [B, H, K, V]: of the final state on entry, of the initial state on return. nil:
///     nothing reads the final state, and the initial state needs no gradient.
///   - d_o: [B·T, H·V].
///   - q: The forward's queries.
///   - k: The forward's keys.
///   - v: The forward's values.
///   - shape: The extents.
///   - chunkLength: As in the forward.
///   - table: As in the forward.
///   - documentStarts: As in the forward.
///   - states: As the forward wrote them.
///   - dstates: Scratch of the same size as `states`.
///   - scratch: Made for at least this chunk length.
///   - precision: Precision of the products' operands; the state and all sums are Float32.
///   - pool: Where sequences, heads and chunks run.
package func chunkwiseRetentionBackward(
  dq: Matrix, dk: Matrix, dv: Matrix, dstate: Tensor? = nil, _ d_o: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix,
  shape: RetentionShape, chunkLength: Int, table: DecayTable, documentStarts: Indices? = nil, states: ChunkStates,
  dstates: ChunkStates, scratch: ChunkScratch,
  precision: ProductPrecision = .float32, on pool: WorkerPool
) {
  shape.check(d_o, q, k, v, in: #function)
  shape.check(d_o, dq, dk, dv, in: #function)
  let plan = ChunkPlan(time: shape.time, length: chunkLength)
  guard plan.count > 0 else { return }
  let call = ChunkwiseCall(
    shape: shape, plan: plan, table: table, states: states, documentStarts: documentStarts, scratch: scratch,
    products: TaskProducts(precision, on: pool))
  call.check(workers: pool.threadCount, in: #function)
  precondition(
    dstates.stored.shape == states.stored.shape, "chunkwiseRetentionBackward: dstates \(dstates.stored.shape)")
  if let dstate {
    checkShape(dstate, Shape(shape.batch, shape.heads, shape.keyWidth, shape.valueWidth), "dstate")
  }
  let sequences = shape.batch * shape.heads

  // The part of each chunk's outputs in the gradient of the entering state: (ξ ⊙ q)ᵀ do, in units of the stored part.
  pool.run(sequences * plan.count, with: (call, dstates, d_o, q)) { context, index, worker in
    let (call, dstates, d_o, q) = context
    let (shape, chunk) = (call.shape, index % call.plan.count)
    let (b, h) = (index / call.plan.count / shape.heads, index / call.plan.count % shape.heads)
    let range = call.plan.range(chunk)
    let queries = call.scratch.scaled(worker, range.count, shape.keyWidth)
    scaleRows(
      queries, shape.queryBlock(q, b, h, range, width: shape.keyWidth),
      factor: call.entering(b, h, chunk, worker: worker))
    call.products.multiply(
      dstates.matrix(b * shape.heads + h, chunk), queries,
      shape.queryBlock(d_o, b, h, range, width: shape.valueWidth), transposed: .first, accumulate: false, worker: worker
    )
  }

  // From the last chunk to the first: entry c + 1 becomes the gradient of the state that leaves chunk c.
  pool.run(sequences, with: (call, dstates, dstate)) { context, sequence, _ in
    let (call, dstates, dstate) = context
    let (states, chunks) = (call.states, call.plan.count)
    let size = call.shape.keyWidth * call.shape.valueWidth
    let outer = dstate?.view(Shape(call.shape.keyWidth, call.shape.valueWidth), at: sequence * size)
    let last = dstates.tensor(sequence, chunks)
    if let outer {
      copyHere(last, outer)
      scaleHere(last, by: Float(states.scales[states.entry(sequence, chunks)]))
    } else {
      last.fill(0)
    }
    for chunk in stride(from: chunks - 1, through: 0, by: -1) {
      let keep = states.keeps[states.entry(sequence, chunk)]
      if keep != 0 {
        addHere(dstates.tensor(sequence, chunk), dstates.tensor(sequence, chunk + 1), factor: Float(keep))
      }
    }
    if let outer {
      copyHere(outer, dstates.tensor(sequence, 0))
      scaleHere(outer, by: Float(1 / states.scales[states.entry(sequence, 0)]))
    }
  }

  // Query heads that share a key/value head add to the same dk and dv, so one task computes them all, in order.
  pool.run(
    shape.batch * shape.keyHeads * plan.count, with: (call, dstates, (dq, dk, dv), d_o, (q, k, v))
  ) { context, index, worker in
    let (call, dstates, (dq, dk, dv), d_o, (q, k, v)) = context
    let (shape, chunk) = (call.shape, index % call.plan.count)
    let (b, keyHead) = (index / call.plan.count / shape.keyHeads, index / call.plan.count % shape.keyHeads)
    let range = call.plan.range(chunk)
    for h in keyHead * shape.group..<(keyHead + 1) * shape.group {
      let isFirst = h == keyHead * shape.group
      call.backward(
        dq: shape.queryBlock(dq, b, h, range, width: shape.keyWidth),
        dk: shape.keyBlock(dk, b, h, range, width: shape.keyWidth),
        dv: shape.keyBlock(dv, b, h, range, width: shape.valueWidth), accumulate: !isFirst,
        shape.queryBlock(d_o, b, h, range, width: shape.valueWidth),
        shape.queryBlock(q, b, h, range, width: shape.keyWidth), shape.keyBlock(k, b, h, range, width: shape.keyWidth),
        shape.keyBlock(v, b, h, range, width: shape.valueWidth), dstates, b, h, chunk, worker)
    }
  }
}

extension ChunkwiseCall {
  /// (q kᵀ) ⊙ D of one chunk.
  fileprivate func maskedScores(_ q: Matrix, _ k: Matrix, _ b: Int, _ h: Int, _ chunk: Int, _ worker: Int) -> Matrix {
    let scores = scratch.scores(worker, q.rows)
    products.multiply(scores, q, k, transposed: .second, accumulate: false, worker: worker)
    mask(scores, b, h, chunk)
    return scores
  }

  private func mask(_ scores: Matrix, _ b: Int, _ h: Int, _ chunk: Int) {
    let range = plan.range(chunk)
    maskWithDecay(
      scores, powers: table.descendingPowers(h), rowOffset: 0, firstColumn: firstColumns(b, range),
      columnOffset: range.lowerBound)
  }

  /// dq, dk and dv of one head of one chunk; adds to dk and dv if `accumulate`.
  fileprivate func backward(
    dq: Matrix, dk: Matrix, dv: Matrix, accumulate: Bool, _ d_o: Matrix, _ q: Matrix, _ k: Matrix, _ v: Matrix,
    _ dstates: ChunkStates, _ b: Int, _ h: Int, _ chunk: Int, _ worker: Int
  ) {
    let sequence = b * shape.heads + h
    let scores = maskedScores(q, k, b, h, chunk, worker)
    let dscores = scratch.secondScores(worker, q.rows)
    products.multiply(dscores, d_o, v, transposed: .second, accumulate: false, worker: worker)
    mask(dscores, b, h, chunk)

    // Inside the chunk.
    products.multiply(dv, scores, d_o, transposed: .first, accumulate: accumulate, worker: worker)
    products.multiply(dk, dscores, q, transposed: .first, accumulate: accumulate, worker: worker)
    // Through the leaving state: dv gains (ζ ⊙ k) dS, and dk gains ζ ⊙ (v dSᵀ).
    let leaving = leaving(b, h, chunk, worker: worker)
    let rows = scratch.scaled(worker, q.rows, shape.keyWidth)
    scaleRows(rows, k, factor: leaving)
    products.multiply(
      dv, rows, dstates.matrix(sequence, chunk + 1), transposed: .none, accumulate: true, worker: worker)
    products.multiply(
      rows, v, dstates.matrix(sequence, chunk + 1), transposed: .second, accumulate: false, worker: worker)
    scaleRows(dk, rows, factor: leaving, accumulate: true)
    // Through the entering state: dq = ξ ⊙ (do Sᵀ) + P k.
    products.multiply(rows, d_o, states.matrix(sequence, chunk), transposed: .second, accumulate: false, worker: worker)
    scaleRows(dq, rows, factor: entering(b, h, chunk, worker: worker))
    products.multiply(dq, dscores, k, transposed: .none, accumulate: true, worker: worker)
  }
}
