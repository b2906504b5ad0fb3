internal import CKernels

/// A product that rounds its operands to bfloat16 while it packs them; sums are Float32.
///
/// The inner extent and the columns are cut so that a piece of B fits the pool's packing memory. Each piece takes two
/// regions:
///
/// 1. All workers pack B, once for all of them.
/// 2. Each task takes a tile of C, packs the tile's rows of A into its worker's memory, and multiplies.
///
/// Every cut depends on the shapes only. A sum takes its pairs in order within a block of the inner extent, and blocks
/// are added to C in order. So the bits of a result depend on the inner extent alone.
struct BFloat16Product: Sendable {
  let c: Matrix
  let a: Matrix
  let b: Matrix
  let transposed: Transposition
  let accumulate: Bool
  let inner: Int
  let scratch: PackingMemory
  /// Whether to use the portable kernels.
  let isPortable: Bool

  /// The longest part of a sum that stays in registers. A panel of B then has 16 KiB, half of a first-level cache.
  static let innerBlock = 512
  /// Columns that are multiplied with all blocks of a tile's rows before the next: they stay in the second-level cache.
  static let columnGroup = 384
  /// Columns of B in one packing task.
  fileprivate static let packedColumns = 64

  func run(on pool: WorkerPool) {
    guard c.rows > 0 else { return }
    let columnLimit = PackingMemory.laneLimit(inner: inner)
    for firstColumn in stride(from: 0, to: c.columns, by: columnLimit) {
      let columns = firstColumn..<min(firstColumn + columnLimit, c.columns)
      for start in stride(from: 0, to: max(inner, 1), by: PackingMemory.inner) {
        let piece = Piece(product: self, columns: columns, inner: start..<min(start + PackingMemory.inner, inner))
        let tasks = (columns.count + Self.packedColumns - 1) / Self.packedColumns
        pool.run(tasks, with: piece) { piece, index, _ in
          let start = index * BFloat16Product.packedColumns
          piece.packColumns(start..<min(start + BFloat16Product.packedColumns, piece.columns.count))
        }
        let tiles = TileGrid.forPackedColumns(rows: c.rows, columns: columns.count)
        pool.run(tiles.count, with: (piece, tiles)) { context, index, worker in
          let (piece, tiles) = context
          let (rows, columns) = tiles[index]
          piece.multiplyTile(rows: rows, columns: columns, worker: worker)
        }
      }
    }
  }
}

/// A piece of B that is packed once: some columns of C and a part of the inner extent.
private struct Piece: Sendable {
  let product: BFloat16Product
  let columns: Range<Int>
  let inner: Range<Int>

  private var kernels: BFloat16Kernels { BFloat16Kernels(isPortable: product.isPortable) }

  /// Packs columns of B, counted from the piece's first column, for every block of the inner extent.
  func packColumns(_ range: Range<Int>) {
    let lanes = columns.lowerBound + range.lowerBound..<columns.lowerBound + range.upperBound
    for block in blocks {
      unsafe kernels.packColumns(
        columnPanels(range.lowerBound, block), product.b, lanes, block, isAlong: product.transposed == .second)
    }
  }

  /// Packs the tile's rows of A into the worker's memory, then multiplies them with each group of columns.
  func multiplyTile(rows: Range<Int>, columns range: Range<Int>, worker: Int) {
    let c = product.c
    let ownPanels = unsafe product.scratch.ownRoom(of: worker)
    for block in blocks {
      unsafe kernels.packRows(
        ownPanels + PackingMemory.offset(of: 0, among: rows.count, block, in: inner), product.a, rows, block,
        isAlong: product.transposed != .first)
    }
    for column in stride(from: range.lowerBound, to: range.upperBound, by: BFloat16Product.columnGroup) {
      let count = min(BFloat16Product.columnGroup, range.upperBound - column)
      for block in blocks {
        unsafe kernels.multiply(
          c.pointer + rows.lowerBound * c.stride + columns.lowerBound + column,
          ownPanels + PackingMemory.offset(of: 0, among: rows.count, block, in: inner), columnPanels(column, block),
          rows.count,
          count, block.count, c.stride, product.accumulate || block.lowerBound > 0)
      }
    }
  }

  /// The blocks of the inner extent; one empty block if there is nothing to sum, so that C is set to zero.
  private var blocks: InnerBlocks { InnerBlocks(whole: inner) }

  /// The start of the panel that holds a column, in a block.
  private func columnPanels(_ column: Int, _ block: Range<Int>) -> UnsafeMutablePointer<UInt16> {
    unsafe product.scratch.sharedRoom + PackingMemory.offset(of: column, among: columns.count, block, in: inner)
  }
}

/// Splits a range of the inner extent into blocks of `innerBlock`. An empty range gives one empty block.
struct InnerBlocks: Sequence, IteratorProtocol {
  private var rest: Range<Int>
  private var isFirst = true

  init(whole: Range<Int>) { rest = whole }

  mutating func next() -> Range<Int>? {
    guard isFirst || !rest.isEmpty else { return nil }
    isFirst = false
    let block = rest.prefix(BFloat16Product.innerBlock)
    rest = block.upperBound..<rest.upperBound
    return block
  }
}
