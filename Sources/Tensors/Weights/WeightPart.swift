internal import CKernels

/// Rows of a weight matrix that lie together in one format.
struct WeightPart: Sendable {
  let format: WeightFormat
  /// Of the whole matrix.
  let rowRange: Range<Int>
  let columns: Int
  /// The numbers where the format is Float32; empty otherwise.
  let tensor: Tensor?
  private let numbers: WeightBytes?
  private let scales: WeightBytes?

  init(_ tensor: Tensor, firstRow: Int) {
    (format, columns) = (.float32, tensor.shape[1])
    rowRange = firstRow..<firstRow + tensor.shape[0]
    self.tensor = tensor
    (numbers, scales) = (nil, nil)
  }

  /// - Precondition: Not Float32; as many bytes as the format needs; whole blocks in a row.
  init(_ format: WeightFormat, rows: Range<Int>, columns: Int, numbers: WeightBytes, scales: WeightBytes?) {
    let count = rows.count * columns
    precondition(
      format != .float32 && numbers.count == format.byteCount(count)
        && scales?.count ?? 0 == format.scaleByteCount(count)
        && (!format.isQuantized || columns % WeightFormat.block == 0),
      "WeightPart: \(numbers.count) and \(scales?.count ?? 0) bytes for [\(rows.count), \(columns)] \(format)")
    (self.format, rowRange, self.columns) = (format, rows, columns)
    (self.numbers, self.scales) = (numbers, scales)
    tensor = nil
  }

  /// Bytes that reading the part takes.
  var byteCount: Int {
    format.byteCount(rowRange.count * columns) + format.scaleByteCount(rowRange.count * columns)
  }

  /// Where a row's numbers begin, from one that is a multiple of a block on.
  private func numbers(_ row: Int, _ column: Int) -> UnsafeRawPointer {
    let at = (row - rowRange.lowerBound) * columns + column
    if let tensor { return unsafe UnsafeRawPointer(tensor.pointer + at) }
    guard let numbers else { preconditionFailure("WeightPart: neither numbers nor a tensor") }
    return unsafe numbers.base + format.byteCount(at)
  }

  private func scales(_ row: Int, _ column: Int) -> UnsafePointer<UInt16> {
    guard let scales else { preconditionFailure("WeightPart: \(format) has no scales") }
    let at = ((row - rowRange.lowerBound) * columns + column) / WeightFormat.block
    return unsafe scales.base.assumingMemoryBound(to: UInt16.self) + at
  }

  /// Packs a panel of columns for `BFloat16WeightProduct`, as the numbers are.
  ///
  /// - Parameters:
  ///   - panel: Receives the panel.
  ///   - rows: Of the whole matrix, up to `RN_BF16_COLUMNS`.
  ///   - block: Columns of the weight: the inner extent.
  /// - Precondition: The format is bfloat16.
  func packBFloat16(_ panel: UnsafeMutablePointer<UInt16>, rows: Range<Int>, _ block: Range<Int>) {
    precondition(format == .bfloat16, "WeightPart: bfloat16 asked of \(format)")
    let from = unsafe numbers(rows.lowerBound, block.lowerBound).assumingMemoryBound(to: UInt16.self)
    unsafe rn_bf16_pack_weights(panel, from, Int64(rows.count), Int64(block.count), Int64(columns))
  }

  /// Columns of a row as Float32, exactly.
  ///
  /// - Parameters:
  ///   - to: As many numbers as there are columns.
  ///   - row: Of the whole matrix.
  ///   - columns: Both ends are multiples of a block, or the row's end.
  func widen(_ to: UnsafeMutablePointer<Float>, row: Int, columns: Range<Int>) {
    let (count, blocks) = (columns.count, Int64(columns.count / WeightFormat.block))
    let from = unsafe numbers(row, columns.lowerBound)
    switch format {
    case .float32: unsafe to.update(from: from.assumingMemoryBound(to: Float.self), count: count)
    case .bfloat16: unsafe rn_bf16_to_f32(to, from.assumingMemoryBound(to: UInt16.self), Int64(count))
    case .q8_0:
      unsafe rn_dequantize_q8_0(
        to, from.assumingMemoryBound(to: Int8.self), scales(row, columns.lowerBound), blocks)
    case .q4_0:
      unsafe rn_dequantize_q4_0(
        to, from.assumingMemoryBound(to: UInt8.self), scales(row, columns.lowerBound), blocks)
    }
  }

  /// y[:, range] = x wᵀ for few rows, on the calling thread.
  ///
  /// - Parameters:
  ///   - y: The rows' results [R, rows of the whole matrix].
  ///   - x: [R, columns].
  ///   - prepared: The same rows as quantised weights read them; not used by the other formats.
  ///   - range: Rows of the whole matrix that this part has.
  ///   - accumulate: Whether y is added to.
  ///   - kernel: For quantised weights.
  func multiplyFewRows(
    _ y: Matrix, _ x: Matrix, prepared: UnsafeRawPointer, _ range: Range<Int>, accumulate: Bool, kernel: DotKernel
  ) {
    let to = unsafe y.pointer + range.lowerBound
    let (rows, outputs, inputs) = (Int64(x.rows), Int64(range.count), Int64(columns))
    let from = unsafe numbers(range.lowerBound, 0)
    let adds: Int32 = accumulate ? 1 : 0
    switch format {
    case .float32:
      unsafe rn_few_rows_product(
        to, x.pointer, from.assumingMemoryBound(to: Float.self), rows, outputs, inputs, Int64(y.stride),
        Int64(x.stride), adds)
    case .bfloat16:
      unsafe rn_few_rows_product_bf16(
        to, x.pointer, from.assumingMemoryBound(to: UInt16.self), rows, outputs, inputs, Int64(y.stride),
        Int64(x.stride), adds)
    case .q8_0, .q4_0:
      unsafe kernel.function(
        to, prepared, from, scales(range.lowerBound, 0), rows, outputs, inputs, Int64(y.stride),
        format == .q4_0 ? 1 : 0, adds)
    }
  }
}
