internal import CKernels

/// y = x Wᵀ for many rows of x and a weight that is read from memory: operands in bfloat16, sums in Float32.
///
/// A prompt brings few rows, each weight is used once, and reading W is a good part of the work. So the rows of x are
/// packed first, once for all workers; then each worker takes some columns of y, packs their weights into memory of its
/// own, which stays in the second-level cache, and multiplies. Sums have the order of `BFloat16Product`, and its bits.
struct BFloat16WeightProduct: Sendable {
  /// [R, rows of W].
  let y: Matrix
  /// [R, columns of W].
  let x: Matrix
  let weight: WeightPart
  let accumulate: Bool
  let scratch: PackingMemory

  /// Columns of y that one task makes: twice what the kernel takes at once.
  private static let taskColumns = 96
  /// Rows of x that one task packs.
  private static let taskRows = 16
  /// Numbers of a weight's row that are widened at once: for the sixteen rows of a panel 8 KiB, a quarter of a first-level
  /// cache.
  private static let wideColumns = 128

  func run(on pool: WorkerPool) {
    let rowLimit = PackingMemory.laneLimit(inner: x.columns)
    for firstRow in stride(from: 0, to: y.rows, by: rowLimit) {
      let rows = firstRow..<min(firstRow + rowLimit, y.rows)
      for start in stride(from: 0, to: max(x.columns, 1), by: PackingMemory.inner) {
        let piece = Piece(product: self, rows: rows, inner: start..<min(start + PackingMemory.inner, x.columns))
        pool.runRanges(of: rows.count, grain: Self.taskRows, with: piece) { $0.packRows($1) }
        let tasks = (y.columns + Self.taskColumns - 1) / Self.taskColumns
        pool.run(tasks, with: piece) { piece, index, worker in
          let start = index * Self.taskColumns
          piece.multiply(columns: start..<min(start + Self.taskColumns, piece.product.y.columns), worker: worker)
        }
      }
    }
  }

  /// What one packing of x serves: some rows and a part of the inner extent.
  private struct Piece: Sendable {
    let product: BFloat16WeightProduct
    let rows: Range<Int>
    let inner: Range<Int>

    private var kernels: BFloat16Kernels { BFloat16Kernels(isPortable: false) }
    private var blocks: InnerBlocks { InnerBlocks(whole: inner) }

    /// Packs rows of x, counted from the piece's first.
    func packRows(_ range: Range<Int>) {
      let lanes = rows.lowerBound + range.lowerBound..<rows.lowerBound + range.upperBound
      for block in blocks {
        unsafe kernels.packRows(
          rowPanels(range.lowerBound, block), product.x, lanes, block,
          isAlong: true)
      }
    }

    /// Packs the weights of some columns of y into the worker's memory, then multiplies all rows with them.
    func multiply(columns: Range<Int>, worker: Int) {
      let y = product.y
      let ownPanels = unsafe product.scratch.ownRoom(of: worker)
      packWeights(columns, worker: worker)
      for block in blocks {
        unsafe kernels.multiply(
          y.pointer + rows.lowerBound * y.stride + columns.lowerBound,
          rowPanels(0, block), ownPanels + PackingMemory.offset(of: 0, among: columns.count, block, in: inner),
          rows.count, columns.count, block.count, y.stride, product.accumulate || block.lowerBound > 0)
      }
    }

    /// Packs rows of the weight, a panel after the other as they lie in memory: bfloat16 as it is, other formats widened
    /// behind the panels in the worker's memory.
    private func packWeights(_ columns: Range<Int>, worker: Int) {
      let (weight, width) = (product.weight, Int(RN_BF16_COLUMNS))
      let ownPanels = unsafe product.scratch.ownRoom(of: worker)
      let wide = product.scratch.floats(
        of: worker, rows: width, columns: BFloat16WeightProduct.wideColumns,
        after: BFloat16WeightProduct.taskColumns * PackingMemory.inner)
      for start in stride(from: 0, to: columns.count, by: width) {
        let first = weight.rowRange.lowerBound + columns.lowerBound + start
        let rows = first..<first + min(width, columns.count - start)
        for block in blocks {
          let panel = unsafe ownPanels + PackingMemory.offset(of: start, among: columns.count, block, in: inner)
          if weight.format == .bfloat16 {
            unsafe weight.packBFloat16(panel, rows: rows, block)
            continue
          }
          for column in stride(from: 0, to: block.count, by: wide.columns) {
            let count = min(wide.columns, block.count - column)
            let part = block.lowerBound + column..<block.lowerBound + column + count
            for (lane, row) in rows.enumerated() {
              unsafe weight.widen(wide.pointer + lane * wide.stride, row: row, columns: part)
            }
            unsafe kernels.packColumns(panel + column * width, wide, 0..<rows.count, 0..<count, isAlong: true)
          }
        }
      }
    }

    /// Where the panels of a block begin that hold a row.
    private func rowPanels(_ row: Int, _ block: Range<Int>) -> UnsafeMutablePointer<UInt16> {
      unsafe product.scratch.sharedRoom + PackingMemory.offset(of: row, among: rows.count, block, in: inner)
    }
  }
}
