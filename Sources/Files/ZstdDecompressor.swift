internal import CZstd
internal import Glibc

/// Reads zstd with libzstd: one frame or several, one after the other. libzstd compares the checksums of frames that
/// have one, and refuses windows above 128 MiB.
@safe final class ZstdDecompressor: Decompressor {
  private let context: OpaquePointer
  private(set) var isComplete = false

  init() throws(SystemError) {
    guard let context = unsafe ZSTD_createDCtx() else { throw SystemError(code: ENOMEM) }
    unsafe self.context = unsafe context
  }

  deinit { _ = unsafe ZSTD_freeDCtx(context) }

  func decompress(
    _ input: ArraySlice<UInt8>, isLast: Bool, into output: inout [UInt8]
  ) throws(DecompressionProblem) -> (used: Int, filled: Int) {
    // Without input a complete frame would begin another one.
    if isComplete, input.isEmpty { return (0, 0) }
    var (used, filled) = (0, 0)
    let result = unsafe input.withUnsafeBytes { input in
      unsafe output.withUnsafeMutableBytes { output in
        var source = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let result = unsafe ZSTD_decompressStream(context, &target, &source)
        (used, filled) = unsafe (source.pos, target.pos)
        return result
      }
    }
    guard ZSTD_isError(result) == 0 else {
      throw DecompressionProblem(reason: unsafe String(cString: ZSTD_getErrorName(result)), used: used)
    }
    isComplete = result == 0
    return (used, filled)
  }
}
