internal import CKernels

/// y = x Wᵀ for many rows of x and a weight in its stored format: operands in bfloat16, sums in Float32.
///
/// A prompt has few rows, each weight is used once, and reading W takes a large part of the time. So the rows of x are
/// packed first, once for all workers. Then each task takes some columns of y, packs their weights into its worker's
/// memory, which stays in the second-level cache, and multiplies. Results are bit-identical to `BFloat16Product`.
struct BFloat16WeightProduct: Sendable {
  /// [R, rows of W].
  let y: Matrix
  /// [R, columns of W].
  let x: Matrix
  let weight: WeightPart
  let accumulate: Bool
  let scratch: PackingMemory

  /// Columns of y in one task: twice what the kernel takes at once.
  private static let taskColumns = 96
  /// Rows of x in one packing task.
  private static let taskRows = 16
  /// Numbers of a weight row that are widened at once. The sixteen rows of a panel then take 8 KiB, a quarter of a
  /// first-level cache.
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

  /// A piece of x that is packed once: some rows and a part of the inner extent.
  private struct Piece: Sendable {
    let product: BFloat16WeightProduct
    let rows: Range<Int>
    let inner: Range<Int>

    private var kernels: BFloat16Kernels { BFloat16Kernels(isPortable: false) }
    private var blocks: InnerBlocks { InnerBlocks(whole: inner) }

    /// Packs rows of x, counted from the piece's first row.
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

    /// Packs rows of the weight, one panel after the other, in the order of memory.
    ///
    /// bfloat16 is packed unchanged. Other formats are widened first, behind the panels in the worker's memory.
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

    /// The start of the panel that holds a row, in a block.
    private func rowPanels(_ row: Int, _ block: Range<Int>) -> UnsafeMutablePointer<UInt16> {
      unsafe product.scratch.sharedRoom + PackingMemory.offset(of: row, among: rows.count, block, in: inner)
    }
  }
}
