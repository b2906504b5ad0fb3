internal import CKernels

/// y = x Wᵀ for a weight in any format, added to y if `accumulate`.
///
/// - Up to sixteen rows: each weight is read once for all rows, in its stored format. A row's sum does not depend on
///   the number of rows. For quantised weights the rows are rounded to eight bits in blocks of 32. All parts of W are
///   one parallel region.
/// - More rows, Float32 weights: `multiply`.
/// - More rows, other weights, if the CPU multiplies bfloat16: weights are packed as bfloat16, quantised ones after
///   widening in pieces and rounding.
/// - More rows, other weights, on other CPUs: weights are widened in pieces and multiplied as Float32.
///
/// - Parameters:
///   - y: [R, rows of W].
///   - x: [R, columns of W].
///   - weight: W.
///   - accumulate: Whether to add to y.
///   - precision: Precision of the product if W is one Float32 tensor.
///   - pool: Where the work runs.
package func multiply(
  _ y: Matrix, _ x: Matrix, weight: WeightMatrix, accumulate: Bool = false, precision: ProductPrecision = .float32,
  on pool: WorkerPool
) {
  if let tensor = weight.tensor {
    let matrix = Matrix(tensor)
    return multiply(y, x, matrix, transposed: .second, accumulate: accumulate, precision: precision, on: pool)
  }
  precondition(
    y.rows == x.rows && y.columns == weight.rows && x.columns == weight.columns,
    "multiply: [\(x.rows), \(x.columns)] × weight [\(weight.rows), \(weight.columns)] into [\(y.rows), \(y.columns)]")
  let outer = pool.charge(.products)
  defer { pool.charge(outer) }
  if x.rows <= fewRowsLimit { return multiplyFewRows(y, x, weight, accumulate: accumulate, on: pool) }
  for part in weight.parts {
    let columns = y.columns(part.rowRange)
    if let tensor = part.tensor {
      multiply(columns, x, Matrix(tensor), transposed: .second, accumulate: accumulate, on: pool)
    } else if pool.usesPortableKernels {
      multiplyWidened(columns, x, part, accumulate: accumulate, on: pool)
    } else {
      BFloat16WeightProduct(y: columns, x: x, weight: part, accumulate: accumulate, scratch: pool.packing).run(on: pool)
    }
  }
}

/// Gathers embedding rows from a table in any format: y[r, :] = table[ids[r], :] (docs/MATH.md, eq. 19).
///
/// - Parameters:
///   - y: [R, D].
///   - table: [N, D].
///   - ids: Token ids [R].
/// - Precondition: Every id is in 0..<N.
package func gatherRows(_ y: Tensor, _ table: WeightMatrix, _ ids: Indices) {
  if let tensor = table.tensor { return gatherRows(y, tensor, ids) }
  checkShape(y, Shape(ids.count, table.columns), "y")
  for index in 0..<ids.count {
    let id = Int(ids[index])
    precondition(id >= 0 && id < table.rows, "token id \(id) is outside 0..<\(table.rows)")
    table.widenRow(y.view(Shape(table.columns), at: index * table.columns), id)
  }
}

/// Weights of at most this many bytes are one task: a second thread saves less than it costs to start it.
private let unsplitByteCount = 96 << 10

/// Rows of a weight in one task: a sixteenth of the weight, within 16 to 128 KiB, a multiple of the kernels' four rows.
func fewRowsGrain(rows: Int, byteCount: Int) -> Int {
  if byteCount <= unsplitByteCount || rows == 0 { return max(1, rows) }
  let task = min(max(byteCount / 16, 16 << 10), 128 << 10)
  return max(4, task / max(1, byteCount / rows) / 4 * 4)
}

private func multiplyFewRows(
  _ y: Matrix, _ x: Matrix, _ weight: WeightMatrix, accumulate: Bool, on pool: WorkerPool
) {
  let prepared = PreparedRows(for: weight, in: pool.packing)
  let grain = fewRowsGrain(rows: weight.rows, byteCount: weight.byteCount)
  for first in stride(from: 0, to: x.rows, by: prepared.limit) {
    let rows = first..<min(first + prepared.limit, x.rows)
    let (y, x) = (y.rows(rows), x.rows(rows))
    prepared.fill(x, on: pool)
    let product = FewRowsProduct(
      y: y, x: x, weight: weight, prepared: prepared, accumulate: accumulate, kernel: pool.dotKernel)
    pool.runRanges(of: weight.rows, grain: grain, with: product) { $0.run($1) }
  }
}

private struct FewRowsProduct: Sendable {
  let y: Matrix
  let x: Matrix
  let weight: WeightMatrix
  let prepared: PreparedRows
  let accumulate: Bool
  let kernel: DotKernel

  func run(_ range: Range<Int>) {
    for part in weight.parts {
      let own = range.clamped(to: part.rowRange)
      if own.isEmpty { continue }
      unsafe part.multiplyFewRows(
        y, x, prepared: prepared.base(part.format), own, accumulate: accumulate, kernel: kernel)
    }
  }
}

/// Rows of x as the products of quantised weights read them, in the pool's packing memory, once per quantised format.
private struct PreparedRows: Sendable {
  private let memory: PackingMemory
  private let columns: Int
  private let (hasQ8, hasQ4): (Bool, Bool)
  private let (q8ByteCount, q4ByteCount): (Int, Int)
  /// Number of rows that fit.
  let limit: Int

  init(for weight: WeightMatrix, in memory: PackingMemory) {
    self.memory = memory
    columns = weight.columns
    hasQ8 = weight.parts.contains { $0.format == .q8_0 }
    hasQ4 = weight.parts.contains { $0.format == .q4_0 }
    q8ByteCount = hasQ8 ? Int(rn_prepared_byte_count(Int64(columns), 0)) : 0
    q4ByteCount = hasQ4 ? Int(rn_prepared_byte_count(Int64(columns), 1)) : 0
    limit = max(1, min(fewRowsLimit, PackingMemory.columnByteCount / max(1, q8ByteCount + q4ByteCount)))
  }

  /// The start of the rows in a format.
  func base(_ format: WeightFormat) -> UnsafeMutableRawPointer {
    let start = unsafe UnsafeMutableRawPointer(memory.sharedRoom)
    return format == .q4_0 ? unsafe start + limit * q8ByteCount : unsafe start
  }

  func fill(_ x: Matrix, on pool: WorkerPool) {
    guard hasQ8 || hasQ4 else { return }
    // A task is about 4 µs of work.
    pool.runRanges(of: x.rows, grain: max(1, 16_384 / max(1, columns)), with: (self, x)) { context, range in
      let (rows, x) = context
      for row in range {
        let from = unsafe x.pointer + row * x.stride
        if rows.hasQ8 { unsafe rn_prepare_row(rows.base(.q8_0) + row * rows.q8ByteCount, from, Int64(x.columns), 0) }
        if rows.hasQ4 { unsafe rn_prepare_row(rows.base(.q4_0) + row * rows.q4ByteCount, from, Int64(x.columns), 1) }
      }
    }
  }
}

/// The product for many rows without bfloat16 instructions: pieces of the weight are widened to Float32 for BLAS.
private func multiplyWidened(_ y: Matrix, _ x: Matrix, _ part: WeightPart, accumulate: Bool, on pool: WorkerPool) {
  let limit = max(1, PackingMemory.columnByteCount / 4 / max(1, part.columns))
  for first in stride(from: part.rowRange.lowerBound, to: part.rowRange.upperBound, by: limit) {
    let rows = first..<min(first + limit, part.rowRange.upperBound)
    let piece = pool.packing.floats(rows: rows.count, columns: part.columns)
    pool.runRanges(of: rows.count, grain: 16, with: (piece, part, first)) { context, range in
      let (piece, part, first) = context
      for row in range {
        unsafe part.widen(piece.pointer + row * piece.stride, row: first + row, columns: 0..<part.columns)
      }
    }
    let start = first - part.rowRange.lowerBound
    multiply(
      y.columns(start..<start + rows.count), x, piece, transposed: .second, accumulate: accumulate, on: pool)
  }
}
