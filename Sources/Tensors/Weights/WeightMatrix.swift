internal import CKernels

/// A weight matrix [out, in] as a product reads it: in memory or in a mapped file, in any `WeightFormat`.
///
/// Matrices that one product reads together (q, k, v and g; gate and up) are one weight matrix of several parts. The
/// file stores them separately, and each may have its own format. The matrix is never expanded as a whole: few rows are
/// multiplied with the stored numbers, many rows with pieces that are widened while they are packed.
package struct WeightMatrix: Sendable {
  package private(set) var rows = 0
  package let columns: Int
  private(set) var parts: [WeightPart] = []

  /// A matrix without rows.
  package init(columns: Int) { self.columns = columns }

  /// A Float32 matrix that refers to a tensor, so that products see what training changes.
  package init(_ tensor: Tensor) {
    self.init(columns: tensor.shape[1])
    append(tensor)
  }

  /// Appends rows in Float32.
  ///
  /// - Parameter tensor: [rows, columns].
  package mutating func append(_ tensor: Tensor) {
    checkShape(tensor, Shape(tensor.shape[0], columns), "tensor")
    parts.append(WeightPart(tensor, firstRow: rows))
    rows += tensor.shape[0]
  }

  /// Appends rows in the format of a file.
  ///
  /// - Parameters:
  ///   - count: Number of rows.
  ///   - format: Any format except Float32.
  ///   - numbers: The numbers, row-major.
  ///   - scales: The scales of a quantised format [count, columns / 32], in Float16.
  /// - Precondition: As many bytes as the format needs.
  package mutating func append(rows count: Int, format: WeightFormat, numbers: WeightBytes, scales: WeightBytes?) {
    parts.append(WeightPart(format, rows: rows..<rows + count, columns: columns, numbers: numbers, scales: scales))
    rows += count
  }

  /// Appends Float32 rows rounded to another format, for models that are not read from a file.
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

  /// The matrix as a tensor; nil unless it is a single Float32 part.
  package var tensor: Tensor? { parts.count == 1 ? parts[0].tensor : nil }

  /// Bytes that a product reads.
  package var byteCount: Int { parts.reduce(0) { $0 + $1.byteCount } }

  /// Writes one row as Float32, exactly.
  package func widenRow(_ to: Tensor, _ row: Int) {
    checkShape(to, Shape(columns), "to")
    for part in parts where part.rowRange.contains(row) {
      unsafe part.widen(to.pointer, row: row, columns: 0..<columns)
    }
  }
}

/// Rounds rows of a tensor into the memory of another format.
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
