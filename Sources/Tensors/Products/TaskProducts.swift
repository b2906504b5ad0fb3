internal import CKernels

/// Products inside a task of the pool, on the calling thread, with operands in the precision of the step.
package struct TaskProducts: Sendable {
  let precision: ProductPrecision
  private let packing: PackingMemory
  private let isPortable: Bool

  /// - Parameters:
  ///   - precision: The format of the operands.
  ///   - pool: The pool that runs the tasks; its memory holds packed operands.
  package init(_ precision: ProductPrecision, on pool: WorkerPool) {
    self.precision = precision
    packing = pool.packing
    isPortable = pool.usesPortableKernels
  }

  /// C = A·B with one operand transposed or none, added to C if `accumulate`.
  ///
  /// It is bit-identical to `multiplyHere` in Float32, and to `multiply` on the pool in bfloat16.
  ///
  /// - Parameters:
  ///   - c: Result [M, N].
  ///   - a: [M, K], or [K, M] when `.first`.
  ///   - b: [K, N], or [N, K] when `.second`.
  ///   - transposed: Which operand is transposed.
  ///   - accumulate: Whether to add to C.
  ///   - worker: The worker of this task.
  /// - Precondition: Shapes as above; C overlaps neither operand.
  package func multiply(
    _ c: Matrix, _ a: Matrix, _ b: Matrix, transposed: Transposition, accumulate: Bool, worker: Int
  ) {
    guard precision == .bfloat16 else {
      return multiplyHere(c, a, b, transposed: transposed, accumulate: accumulate)
    }
    let inner = checkProduct(c, a, b, transposed)
    let kernels = BFloat16Kernels(isPortable: isPortable)
    let (rowPanels, rowLimit) = unsafe (packing.ownRoom(of: worker), PackingMemory.taskRows)
    let columnPanels = unsafe rowPanels + rowLimit * BFloat16Product.innerBlock
    for row in stride(from: 0, to: c.rows, by: rowLimit) {
      let rows = min(rowLimit, c.rows - row)
      for column in stride(from: 0, to: c.columns, by: PackingMemory.taskColumns) {
        let columns = min(PackingMemory.taskColumns, c.columns - column)
        for block in InnerBlocks(whole: 0..<inner) {
          unsafe kernels.packRows(rowPanels, a, row..<row + rows, block, isAlong: transposed != .first)
          unsafe kernels.packColumns(columnPanels, b, column..<column + columns, block, isAlong: transposed == .second)
          unsafe kernels.multiply(
            c.pointer + row * c.stride + column, rowPanels, columnPanels, rows, columns, block.count, c.stride,
            accumulate || block.lowerBound > 0)
        }
      }
    }
  }
}
