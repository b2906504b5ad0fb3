internal import CKernels

/// Rows of a weight matrix that are stored together in one format.
struct WeightPart: Sendable {
  let format: WeightFormat
  /// The rows of the whole matrix that this part holds.
  let rowRange: Range<Int>
  let columns: Int
  /// The numbers if the format is Float32; nil otherwise.
  let tensor: Tensor?
  private let numbers: WeightBytes?
  private let scales: WeightBytes?

  init(_ tensor: Tensor, firstRow: Int) {
    (format, columns) = (.float32, tensor.shape[1])
    rowRange = firstRow..<firstRow + tensor.shape[0]
    self.tensor = tensor
    (numbers, scales) = (nil, nil)
  }

  /// - Precondition: Not Float32; as many bytes as the format needs; a row has whole blocks.
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

  /// Bytes that a product reads.
  var byteCount: Int {
    format.byteCount(rowRange.count * columns) + format.scaleByteCount(rowRange.count * columns)
  }

  /// The address of a number; the column is a multiple of a block.
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

  /// Packs rows of the weight into a panel of columns for `BFloat16WeightProduct`, without conversion.
  ///
  /// - Parameters:
  ///   - panel: Receives the panel.
  ///   - rows: Row numbers in the whole matrix, at most `RN_BF16_COLUMNS` rows.
  ///   - block: Columns of the weight, which are the inner extent.
  /// - Precondition: The format is bfloat16.
  func packBFloat16(_ panel: UnsafeMutablePointer<UInt16>, rows: Range<Int>, _ block: Range<Int>) {
    precondition(format == .bfloat16, "WeightPart: bfloat16 asked of \(format)")
    let from = unsafe numbers(rows.lowerBound, block.lowerBound).assumingMemoryBound(to: UInt16.self)
    unsafe rn_bf16_pack_weights(panel, from, Int64(rows.count), Int64(block.count), Int64(columns))
  }

  /// Writes columns of a row as Float32, exactly.
  ///
  /// - Parameters:
  ///   - to: Receives one number per column.
  ///   - row: Row number in the whole matrix.
  ///   - columns: Both ends are a multiple of a block, or the end of the row.
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

  /// y[:, range] = x wᵀ for few rows, added to y if `accumulate`; on the calling thread.
  ///
  /// - Parameters:
  ///   - y: The results [R, rows of the whole matrix].
  ///   - x: [R, columns].
  ///   - prepared: The rows of x in the layout for quantised weights; other formats ignore it.
  ///   - range: Rows of the whole matrix, within this part.
  ///   - accumulate: Whether to add to y.
  ///   - kernel: The kernel for quantised weights.
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
