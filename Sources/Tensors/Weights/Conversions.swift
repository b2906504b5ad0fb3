internal import CKernels

/// A number format of weights in files, which can be read as Float32.
package enum NumberFormat: String, CaseIterable, Sendable {
  case float32 = "f32"
  case bfloat16 = "bf16"
  case float16 = "f16"

  /// PyTorch's names of the formats, accepted instead of the short names wherever the user names a format.
  package static let fullNames = ["float32": "f32", "bfloat16": "bf16", "float16": "f16"]

  /// Bytes of one number.
  package var byteCount: Int { self == .float32 ? 4 : 2 }
}

extension Tensor {
  /// A new tensor from little-endian numbers in a file's format; the conversion is exact.
  ///
  /// - Precondition: As many bytes as the shape needs.
  package init(_ shape: Shape, bytes: RawSpan, format: NumberFormat) {
    self.init(shape)
    precondition(
      bytes.byteCount == shape.count * format.byteCount, "Tensor: \(bytes.byteCount) bytes for \(shape) \(format)")
    fill(bytes: bytes, format: format)
  }

  /// Replaces the numbers by those of `bytes`; the conversion is exact.
  ///
  /// - Precondition: As many bytes as this tensor needs in that format.
  package func fill(bytes: RawSpan, format: NumberFormat) {
    precondition(bytes.byteCount == count * format.byteCount, "fill: \(bytes.byteCount) bytes for \(shape) \(format)")
    // A file need not align its numbers, so pieces go through an aligned buffer.
    let pieceLength = 4096
    unsafe withUnsafeTemporaryAllocation(of: UInt16.self, capacity: pieceLength) { half in
      unsafe bytes.withUnsafeBytes { source in
        for start in stride(from: 0, to: count, by: pieceLength) {
          let length = min(pieceLength, count - start)
          let from = unsafe UnsafeRawBufferPointer(
            rebasing: source[start * format.byteCount..<(start + length) * format.byteCount])
          switch format {
          case .float32:
            unsafe UnsafeMutableRawBufferPointer(start: pointer + start, count: length * 4).copyMemory(from: from)
          case .bfloat16:
            unsafe UnsafeMutableRawBufferPointer(half).copyMemory(from: from)
            unsafe rn_bf16_to_f32(pointer + start, half.baseAddress, Int64(length))
          case .float16:
            unsafe UnsafeMutableRawBufferPointer(half).copyMemory(from: from)
            unsafe rn_f16_to_f32(pointer + start, half.baseAddress, Int64(length))
          }
        }
      }
    }
  }

  /// Passes the numbers in another format to `body`, piece by piece; rounds to nearest, ties to even.
  package func withBytes<Failure: Error>(
    in format: NumberFormat, _ body: (RawSpan) throws(Failure) -> Void
  ) throws(Failure) {
    if format == .float32 { return try withBytes(body) }
    let pieceLength = 65_536
    var half = [UInt16](repeating: 0, count: min(pieceLength, max(1, count)))
    for start in stride(from: 0, to: count, by: pieceLength) {
      let length = min(pieceLength, count - start)
      unsafe half.withUnsafeMutableBufferPointer { half in
        if format == .bfloat16 {
          unsafe rn_f32_to_bf16(half.baseAddress, pointer + start, Int64(length))
        } else {
          unsafe rn_f32_to_f16(half.baseAddress, pointer + start, Int64(length))
        }
      }
      try body(unsafe half.span.extracting(first: length).bytes)
    }
  }
}
