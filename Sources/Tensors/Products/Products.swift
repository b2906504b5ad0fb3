internal import CKernels
internal import COpenBLAS

/// Which operand of a product is read transposed.
package enum Transposition: Sendable {
  /// C = A Bᵀ: a forward product, weights stored [out, in].
  case second
  /// C = A B: the gradient of an input.
  case none
  /// C = Aᵀ B: the gradient of a weight.
  case first
}

/// The format in which a product reads its operands; sums and results are Float32 in both cases.
package enum ProductPrecision: Sendable {
  case float32
  /// Operands are rounded to nearest, ties to even; a subnormal number becomes zero.
  case bfloat16
}

/// C = A·B on the calling thread, with one operand transposed or none, added to C if `accumulate`.
///
/// - Parameters:
///   - c: Result [M, N].
///   - a: [M, K], or [K, M] when `.first`.
///   - b: [K, N], or [N, K] when `.second`.
///   - transposed: Which operand is transposed.
///   - accumulate: Whether to add to C.
///   - factor: Factor of the product.
/// - Precondition: Shapes as above; C overlaps neither operand.
package func multiplyHere(
  _ c: Matrix, _ a: Matrix, _ b: Matrix, transposed: Transposition, accumulate: Bool, factor: Float = 1
) {
  let inner = checkProduct(c, a, b, transposed)
  guard c.rows > 0, c.columns > 0 else { return }
  unsafe cblas_sgemm(
    CblasRowMajor, transposed == .first ? CblasTrans : CblasNoTrans, transposed == .second ? CblasTrans : CblasNoTrans,
    CInt(c.rows), CInt(c.columns), CInt(inner), factor, a.pointer, CInt(a.stride), b.pointer, CInt(b.stride),
    accumulate ? 1 : 0, c.pointer, CInt(c.stride))
}

/// C = A·B on the worker pool, with the operands of `multiplyHere`; bit-identical for any number of threads.
///
/// C is cut into tiles whose shape depends on the operands' shapes only. Each tile is one single-threaded BLAS call.
/// There are two exceptions:
///
/// - In `.bfloat16` every product is our own (`BFloat16Product`).
/// - In `.float32` up to sixteen rows with a dense weight (`.second`) go to our own kernel. There a row's sum does not
///   depend on the number of rows.
package func multiply(
  _ c: Matrix, _ a: Matrix, _ b: Matrix, transposed: Transposition, accumulate: Bool = false,
  precision: ProductPrecision = .float32, on pool: WorkerPool
) {
  let inner = checkProduct(c, a, b, transposed)
  let outer = pool.charge(.products)
  defer { pool.charge(outer) }
  if precision == .bfloat16 {
    let product = BFloat16Product(
      c: c, a: a, b: b, transposed: transposed, accumulate: accumulate, inner: inner, scratch: pool.packing,
      isPortable: pool.usesPortableKernels)
    return product.run(on: pool)
  }
  if transposed == .second, a.rows <= fewRowsLimit, b.isDense {
    multiplyFewRows(c, a, b, accumulate: accumulate, on: pool)
    return
  }
  let tile = TileGrid.forBLAS(rows: c.rows, columns: c.columns)
  pool.run(tile.count, with: (c, a, b, transposed, accumulate, tile)) { context, index, _ in
    let (c, a, b, transposed, accumulate, tile) = context
    let (rows, columns) = tile[index]
    multiplyHere(
      c.block(rows: rows, columns: columns), transposed == .first ? a.columns(rows) : a.rows(rows),
      transposed == .second ? b.rows(columns) : b.columns(columns), transposed: transposed, accumulate: accumulate)
  }
}

/// Products of at most this many rows are bound by reading the weight, not by arithmetic.
package let fewRowsLimit = 16

/// C [rows, outputs] = A [rows, inputs] Bᵀ for at most `fewRowsLimit` rows. Each row of B is read once for all rows.
private func multiplyFewRows(_ c: Matrix, _ a: Matrix, _ b: Matrix, accumulate: Bool, on pool: WorkerPool) {
  let grain = fewRowsGrain(rows: b.rows, byteCount: 4 * b.rows * b.columns)
  pool.runRanges(of: b.rows, grain: grain, with: (c, a, b, accumulate)) { context, range in
    let (c, a, b, accumulate) = context
    unsafe rn_few_rows_product(
      c.pointer + range.lowerBound, a.pointer, b.pointer + range.lowerBound * b.stride, Int64(a.rows),
      Int64(range.count), Int64(b.columns), Int64(c.stride), Int64(a.stride), accumulate ? 1 : 0)
  }
}

/// How the result of a product is cut into tiles; the last ones may be smaller.
struct TileGrid: Sendable {
  let rows: Int
  let columns: Int
  let tileRows: Int
  let tileColumns: Int

  /// Tiles for BLAS: at most 256 × 256, or 256 × 1,024 from 512 rows on
  /// (docs/decisions/0006-tiles-of-float32-products.md).
  static func forBLAS(rows: Int, columns: Int) -> TileGrid {
    TileGrid(
      rows: rows, columns: columns, tileRows: min(max(rows, 1), 256),
      tileColumns: min(max(columns, 1), rows >= 512 ? 1024 : 256))
  }

  /// Tiles for a packed B: a few rows and all columns, or some of the columns if there are few rows.
  static func forPackedColumns(rows: Int, columns: Int) -> TileGrid {
    // Eight tasks or more, as long as a tile keeps enough rows to be worth reading B from the shared cache.
    let tileRows = rows >= 1024 ? PackingMemory.rows : rows >= 512 ? 64 : 32
    return TileGrid(
      rows: rows, columns: columns, tileRows: tileRows,
      tileColumns: rows >= 8 * tileRows ? max(columns, 1) : 2 * BFloat16Product.columnGroup)
  }

  private var across: Int { (columns + tileColumns - 1) / tileColumns }

  var count: Int { (rows + tileRows - 1) / tileRows * across }

  subscript(_ index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    let row = index / across * tileRows
    let column = index % across * tileColumns
    return (row..<min(row + tileRows, rows), column..<min(column + tileColumns, columns))
  }
}

/// Checks the three shapes and returns the inner extent.
func checkProduct(_ c: Matrix, _ a: Matrix, _ b: Matrix, _ transposed: Transposition) -> Int {
  let (m, k) = transposed == .first ? (a.columns, a.rows) : (a.rows, a.columns)
  let (n, inner) = transposed == .second ? (b.rows, b.columns) : (b.columns, b.rows)
  precondition(
    m == c.rows && n == c.columns && k == inner,
    "multiply: [\(a.rows), \(a.columns)] × [\(b.rows), \(b.columns)], \(transposed) transposed, into [\(c.rows), \(c.columns)]"
  )
  return k
}
