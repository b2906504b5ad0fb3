internal import CLZMA
internal import CZlib
internal import CZstd

/// The compressions that are read, to make files of.
package enum Compression: String, CaseIterable, Sendable {
  case gzip
  case zstd
  case xz

  /// One member, frame or stream, with a checksum.
  package func compress(_ bytes: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: bytes.count + bytes.count / 8 + 1024)
    let count =
      switch self {
      case .gzip: gzip(bytes, &output)
      case .zstd: zstd(bytes, &output)
      case .xz: xz(bytes, &output)
      }
    precondition(count > 0, "\(rawValue): cannot compress \(bytes.count) bytes")
    return Array(output[..<count])
  }

  private func gzip(_ bytes: [UInt8], _ output: inout [UInt8]) -> Int {
    var bytes = bytes
    var stream = unsafe z_stream()
    let size = unsafe Int32(MemoryLayout<z_stream>.size)
    // 15 is the largest window, 16 asks for gzip's header and trailer.
    guard unsafe deflateInit2_(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK
    else { return 0 }
    defer { _ = unsafe deflateEnd(&stream) }
    let capacity = output.count
    return unsafe bytes.withUnsafeMutableBufferPointer { input in
      unsafe output.withUnsafeMutableBufferPointer { output in
        unsafe stream.next_in = input.baseAddress
        unsafe stream.avail_in = uInt(input.count)
        unsafe stream.next_out = output.baseAddress
        unsafe stream.avail_out = uInt(capacity)
        return unsafe deflate(&stream, Z_FINISH) == Z_STREAM_END ? capacity - Int(stream.avail_out) : 0
      }
    }
  }

  private func zstd(_ bytes: [UInt8], _ output: inout [UInt8]) -> Int {
    guard let context = unsafe ZSTD_createCCtx() else { return 0 }
    defer { _ = unsafe ZSTD_freeCCtx(context) }
    _ = unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    let count = unsafe ZSTD_compress2(context, &output, output.count, bytes, bytes.count)
    return ZSTD_isError(count) == 0 ? count : 0
  }

  private func xz(_ bytes: [UInt8], _ output: inout [UInt8]) -> Int {
    var count = 0
    let result = unsafe lzma_easy_buffer_encode(
      1, LZMA_CHECK_CRC64, nil, bytes, bytes.count, &output, &count, output.count)
    return result == LZMA_OK ? count : 0
  }
}
