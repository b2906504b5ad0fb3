internal import CKernels

extension Tensor {
  /// Passes a matrix's quantised numbers, or their scales, to `body`, piece by piece.
  ///
  /// - Parameters:
  ///   - format: A quantised format; the width of a row must be a multiple of its block.
  ///   - isScales: Whether to pass the scales instead of the numbers.
  ///   - body: Gets bytes in the layout of `WeightFormat`.
  /// - Throws: What `body` throws.
  package func withQuantizedBytes<Failure: Error>(
    _ format: WeightFormat, isScales: Bool, _ body: (RawSpan) throws(Failure) -> Void
  ) throws(Failure) {
    let pieceLength = 65_536
    precondition(
      format.isQuantized && shape.last % WeightFormat.block == 0, "withQuantizedBytes: \(shape) as \(format)")
    var numbers = [UInt8](repeating: 0, count: pieceLength)
    var scales = [UInt16](repeating: 0, count: pieceLength / WeightFormat.block)
    for start in stride(from: 0, to: count, by: pieceLength) {
      let length = min(pieceLength, count - start)
      let blocks = length / WeightFormat.block
      unsafe numbers.withUnsafeMutableBytes { numbers in
        unsafe scales.withUnsafeMutableBufferPointer { scales in
          if format == .q8_0 {
            unsafe rn_quantize_q8_0(
              numbers.baseAddress?.assumingMemoryBound(to: Int8.self), scales.baseAddress, pointer + start,
              Int64(blocks))
          } else {
            unsafe rn_quantize_q4_0(
              numbers.baseAddress?.assumingMemoryBound(to: UInt8.self), scales.baseAddress, pointer + start,
              Int64(blocks))
          }
        }
      }
      if isScales {
        try body(unsafe scales.span.extracting(first: blocks).bytes)
      } else {
        try body(unsafe numbers.span.extracting(first: format.byteCount(length)).bytes)
      }
    }
  }

  /// Whether a quantised format can hold the numbers: all are finite, and no scale exceeds Float16.
  package func isQuantizable(as format: WeightFormat) -> Bool {
    // The scale of q4_0 is 1/8 of the largest number, the scale of q8_0 is 1/127.
    let limit = 65_504 * (format == .q4_0 ? 8 : 127) as Float
    for index in 0..<count { if unsafe !(pointer[index].magnitude <= limit) { return false } }
    return true
  }

  /// Fills the tensor with uniform numbers in -bound ..< bound, each block of 65,536 from its own seed.
  package func fillUniform(bound: Double, seed: UInt64, on pool: WorkerPool) {
    pool.runRanges(of: count, grain: 65_536, with: (self, bound, seed)) { context, range in
      let (tensor, bound, seed) = context
      var source = RandomSource(seed: seed &+ UInt64(range.lowerBound))
      tensor.view(Shape(range.count), at: range.lowerBound).fillUniform(bound: bound, from: &source)
    }
  }
}
