package import Tensors

/// The contribution of a state S₀ from which every document starts instead of zero (docs/MATH.md, eq. 32).
///
/// Token p of a document gets γ^(p+1) q̃ S₀, where q̃ is its query rotated by p. Retention is linear in the state. So
/// this term is added to what the forms compute from empty states, and it has its own backward.
package final class InitialStateTerm {
  private let shape: RetentionShape
  private let powers: DecayTable
  private let rotation: RotationTable
  /// γ^(p+1) [H, B·T].
  private let factors: Tensor
  /// Scaled queries, or their gradients [B·T, H·K].
  private let queries: Tensor
  private var hasStartsInside = false

  /// - Parameters:
  ///   - shape: The extents of every call.
  ///   - decay: The decay of each head.
  ///   - rotation: The rotation of queries and keys.
  /// - Precondition: No xPos.
  package init(_ shape: RetentionShape, decay: Decay, rotation: Rotation) {
    precondition(rotation.xposLogDecays == nil, "InitialStateTerm: xPos")
    let rows = shape.batch * shape.time
    self.shape = shape
    powers = DecayTable(decay, length: shape.time)
    self.rotation = RotationTable(rotation, capacity: rows)
    factors = Tensor(Shape(shape.heads, rows))
    queries = Tensor(Shape(rows, shape.heads * shape.keyWidth))
  }

  /// Bytes of what `init` allocates.
  package static func byteCount(_ shape: RetentionShape, rotation: Rotation) -> Double {
    let rows = shape.batch * shape.time
    return DecayTable.byteCount(heads: shape.heads, length: shape.time)
      + RotationTable.byteCount(rotation, capacity: rows)
      + Tensor.byteCount(rows, shape.heads * (1 + shape.keyWidth))
  }

  /// Sets the positions of the tokens in their documents, for all calls that follow.
  ///
  /// - Parameter documentStarts: For each token [B·T] the index in its sequence at which its document starts, -1 for the
  ///   first document. nil: each sequence is one document.
  package func prepare(_ documentStarts: Indices?) {
    powers.check(shape, documentStarts, in: #function)
    let rows = shape.batch * shape.time
    func start(_ row: Int) -> Int { documentStarts.map { max(0, Int($0[row])) } ?? 0 }
    for head in 0..<shape.heads {
      for row in 0..<rows {
        factors[head * rows + row] = Float(powers.power(head, row % shape.time - start(row) + 1))
      }
    }
    hasStartsInside = (0..<rows).contains { start($0) > 0 }
    if hasStartsInside { rotation.prepare(count: rows, position: start) }
  }

  /// o += γ^(p+1) q̃ S₀.
  ///
  /// - Parameters:
  ///   - o: Outputs [B·T, H·V].
  ///   - q: Queries [B·T, H·K], rotated by their positions in the sequence.
  ///   - initial: S₀ [H, K, V].
  ///   - precision: Precision of the product's operands.
  ///   - pool: Where the work runs.
  package func add(to o: Matrix, _ q: Matrix, initial: Tensor, precision: ProductPrecision, on pool: WorkerPool) {
    check(initial)
    takeQueries(q, on: pool)
    for head in 0..<shape.heads {
      multiply(
        values(o, head), keys(head), state(initial, head), transposed: .none, accumulate: true, precision: precision,
        on: pool)
    }
  }

  /// The backward of `add`: dS₀ += Σ (γ^(p+1) q̃)ᵀ do and dq += γ^(p+1) do S₀ᵀ, rotated like q.
  ///
  /// - Parameters:
  ///   - dq: [B·T, H·K], added to.
  ///   - dinitial: [H, K, V], added to.
  ///   - d_o: [B·T, H·V].
  ///   - q: As in the forward.
  ///   - initial: As in the forward.
  ///   - precision: As in the forward.
  ///   - pool: Where the work runs.
  package func addGradient(
    dq: Matrix, dinitial: Tensor, _ d_o: Matrix, _ q: Matrix, initial: Tensor, precision: ProductPrecision,
    on pool: WorkerPool
  ) {
    check(initial)
    check(dinitial)
    takeQueries(q, on: pool)
    for head in 0..<shape.heads {
      multiply(
        state(dinitial, head), keys(head), values(d_o, head), transposed: .first, accumulate: true,
        precision: precision, on: pool)
    }
    for head in 0..<shape.heads {
      multiply(
        keys(head), values(d_o, head), state(initial, head), transposed: .second, precision: precision, on: pool)
    }
    if hasStartsInside { rotation.apply(Matrix(queries), as: .queries, on: pool) }
    scale(into: dq, from: Matrix(queries), accumulate: true, on: pool)
  }

  /// Sets `queries` to γ^(p+1) q̃.
  private func takeQueries(_ q: Matrix, on pool: WorkerPool) {
    scale(into: Matrix(queries), from: q, accumulate: false, on: pool)
    if hasStartsInside { rotation.apply(Matrix(queries), as: .queries, inverse: true, on: pool) }
  }

  private func scale(into y: Matrix, from x: Matrix, accumulate: Bool, on pool: WorkerPool) {
    pool.run(shape.heads, with: (y, x, factors, shape.keyWidth)) { context, head, _ in
      let (y, x, factors, width) = context
      let columns = head * width..<(head + 1) * width
      scaleRows(
        y.columns(columns), x.columns(columns), factor: factors.view(Shape(x.rows), at: head * x.rows),
        accumulate: accumulate)
    }
  }

  private func keys(_ head: Int) -> Matrix {
    Matrix(queries).columns(head * shape.keyWidth..<(head + 1) * shape.keyWidth)
  }

  private func values(_ o: Matrix, _ head: Int) -> Matrix {
    o.columns(head * shape.valueWidth..<(head + 1) * shape.valueWidth)
  }

  private func state(_ tensor: Tensor, _ head: Int) -> Matrix {
    let size = shape.keyWidth * shape.valueWidth
    return Matrix(tensor.view(Shape(shape.keyWidth, shape.valueWidth), at: head * size))
  }

  private func check(_ state: Tensor) {
    checkShape(state, Shape(shape.heads, shape.keyWidth, shape.valueWidth), "initial state")
  }
}
