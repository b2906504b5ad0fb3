internal import CKernels

/// A weight matrix [out, in] as a product reads it: in memory or in a mapped file, in any `WeightFormat`.
///
/// Matrices that one product reads together (q, k, v and g; gate and up) are one weight matrix of several parts, though a
/// file has them apart, each maybe in a format of its own. Nothing of it is ever expanded as a whole: few rows are
/// multiplied with the numbers as they lie, many rows with pieces that are widened while they are packed.
package struct WeightMatrix: Sendable {
  package private(set) var rows = 0
  package let columns: Int
  private(set) var parts: [WeightPart] = []

  /// No rows yet.
  package init(columns: Int) { self.columns = columns }

  /// A Float32 matrix that is somebody's tensor: what training changes is what the product reads.
  package init(_ tensor: Tensor) {
    self.init(columns: tensor.shape[1])
    append(tensor)
  }

  /// Adds rows that lie in Float32.
  ///
  /// - Parameter tensor: [rows, columns].
  package mutating func append(_ tensor: Tensor) {
    checkShape(tensor, Shape(tensor.shape[0], columns), "tensor")
    parts.append(WeightPart(tensor, firstRow: rows))
    rows += tensor.shape[0]
  }

  /// Adds rows as they lie in a file.
  ///
  /// - Parameters:
  ///   - count: How many.
  ///   - format: Not Float32.
  ///   - numbers: Row-major.
  ///   - scales: Of a quantised format [count, columns / 32], in Float16.
  /// - Precondition: As many bytes as the format needs.
  package mutating func append(rows count: Int, format: WeightFormat, numbers: WeightBytes, scales: WeightBytes?) {
    parts.append(WeightPart(format, rows: rows..<rows + count, columns: columns, numbers: numbers, scales: scales))
    rows += count
  }

  /// Adds rows in another format, rounded from Float32: for models that are not read from a file.
  package mutating func append(_ tensor: Tensor, as format: WeightFormat, on pool: WorkerPool) {
    guard format != .float32 else { return append(tensor) }
    checkShape(tensor, Shape(tensor.shape[0], columns), "tensor")
    let count = tensor.count
    let scales = format.isQuantized ? unsafe WeightBytes(byteCount: format.scaleByteCount(count)) { _ in } : nil
    let numbers = unsafe WeightBytes(byteCount: format.byteCount(count)) { to in
      let blocks = unsafe PackedNumbers(format, from: tensor, numbers: to, scales: scales?.base)
      pool.runRanges(of: tensor.shape[0], grain: rowBlock, with: blocks) { blocks, rows in blocks.round(rows: rows) }
    }
    append(rows: tensor.shape[0], format: format, numbers: numbers, scales: scales)
  }

  /// The matrix as a tensor, if it is one in Float32.
  package var tensor: Tensor? { parts.count == 1 ? parts[0].tensor : nil }

  /// Bytes that reading all of it takes.
  package var byteCount: Int { parts.reduce(0) { $0 + $1.byteCount } }

  /// A row as Float32, exactly.
  package func widenRow(_ to: Tensor, _ row: Int) {
    checkShape(to, Shape(columns), "to")
    for part in parts where part.rowRange.contains(row) {
      unsafe part.widen(to.pointer, row: row, columns: 0..<columns)
    }
  }
}

/// Rows on their way into another format.
@safe private struct PackedNumbers: Sendable {
  private let format: WeightFormat
  private let tensor: Tensor
  nonisolated(unsafe) private let numbers: UnsafeMutableRawPointer
  nonisolated(unsafe) private let scales: UnsafeMutablePointer<UInt16>?

  init(_ format: WeightFormat, from tensor: Tensor, numbers: UnsafeMutableRawPointer, scales: UnsafeRawPointer?) {
    (self.format, self.tensor) = (format, tensor)
    unsafe self.numbers = numbers
    unsafe self.scales = scales.map {
      unsafe UnsafeMutableRawPointer(mutating: $0).assumingMemoryBound(to: UInt16.self)
    }
  }

  func round(rows: Range<Int>) {
    let width = tensor.shape[1]
    let (first, count) = (rows.lowerBound * width, rows.count * width)
    let from = unsafe tensor.pointer + first
    let to = unsafe numbers + format.byteCount(first)
    let (block, blocks) = (first / WeightFormat.block, Int64(count / WeightFormat.block))
    switch format {
    case .float32: break
    case .bfloat16: unsafe rn_f32_to_bf16(to.assumingMemoryBound(to: UInt16.self), from, Int64(count))
    case .q8_0:
      guard let scales = unsafe scales else { return }
      unsafe rn_quantize_q8_0(to.assumingMemoryBound(to: Int8.self), scales + block, from, blocks)
    case .q4_0:
      guard let scales = unsafe scales else { return }
      unsafe rn_quantize_q4_0(to.assumingMemoryBound(to: UInt8.self), scales + block, from, blocks)
    }
  }
}
