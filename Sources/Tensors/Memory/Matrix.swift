/// A view of rows with a stride: a head's columns of a projection, a chunk's rows, a block of a weight.
package struct Matrix: Sendable {
  package let storage: Storage
  package let offset: Int
  package let rows: Int
  package let columns: Int
  /// Distance between the starts of two rows, in numbers.
  package let stride: Int

  /// Views a tensor as a matrix: the last axis is a row, the other axes count the rows.
  package init(_ tensor: Tensor) {
    let columns = tensor.shape.last
    self.init(
      tensor.storage, offset: tensor.offset, rows: columns == 0 ? 0 : tensor.count / columns, columns: columns,
      stride: columns)
  }

  init(_ storage: Storage, offset: Int, rows: Int, columns: Int, stride: Int) {
    precondition(rows >= 0 && columns >= 0 && columns <= stride, "Matrix: \(columns) columns with stride \(stride)")
    precondition(
      offset >= 0 && (rows == 0 || offset + (rows - 1) * stride + columns <= storage.count),
      "Matrix: [\(rows), \(columns)] at \(offset) leaves its storage")
    self.storage = storage
    self.offset = offset
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// A view of a rectangle of this matrix.
  package func block(rows rowRange: Range<Int>, columns columnRange: Range<Int>) -> Matrix {
    precondition(
      rowRange.lowerBound >= 0 && rowRange.upperBound <= rows && columnRange.lowerBound >= 0
        && columnRange.upperBound <= columns,
      "block: rows \(rowRange), columns \(columnRange) of [\(rows), \(columns)]")
    return Matrix(
      storage, offset: offset + rowRange.lowerBound * stride + columnRange.lowerBound, rows: rowRange.count,
      columns: columnRange.count, stride: stride)
  }

  package func rows(_ range: Range<Int>) -> Matrix { block(rows: range, columns: 0..<columns) }

  package func columns(_ range: Range<Int>) -> Matrix { block(rows: 0..<rows, columns: range) }

  /// Whether the rows follow each other without gaps.
  package var isDense: Bool { stride == columns || rows <= 1 }

  @inline(__always)
  var pointer: UnsafeMutablePointer<Float> { unsafe storage.base + offset }
}
