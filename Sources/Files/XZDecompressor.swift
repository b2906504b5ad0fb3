internal import CLZMA
internal import Glibc

/// Reads xz with liblzma: one stream or several, with padding between them. liblzma compares the checks of all blocks.
@safe final class XZDecompressor: Decompressor {
  // liblzma keeps what it has allocated here.
  private let stream: UnsafeMutablePointer<lzma_stream>
  private(set) var isComplete = false

  /// The most memory of a decoder: `xz -9` makes files that take 65 MiB.
  private static let memoryLimit: UInt64 = 256 << 20

  init() throws(SystemError) {
    unsafe stream = UnsafeMutablePointer<lzma_stream>.allocate(capacity: 1)
    unsafe stream.initialize(to: lzma_stream())
    guard unsafe rn_xz_decoder(stream, Self.memoryLimit) == LZMA_OK else {
      unsafe stream.deallocate()
      throw SystemError(code: ENOMEM)
    }
  }

  deinit {
    unsafe lzma_end(stream)
    unsafe stream.deallocate()
  }

  func decompress(
    _ input: ArraySlice<UInt8>, isLast: Bool, into output: inout [UInt8]
  ) throws(DecompressionProblem) -> (used: Int, filled: Int) {
    let result = unsafe input.withUnsafeBufferPointer { input in
      unsafe output.withUnsafeMutableBufferPointer { output in
        unsafe stream.pointee.next_in = input.baseAddress
        unsafe stream.pointee.avail_in = input.count
        unsafe stream.pointee.next_out = output.baseAddress
        unsafe stream.pointee.avail_out = output.count
        // Another stream may follow, so that only the end of the input ends the last one.
        return unsafe lzma_code(stream, isLast ? LZMA_FINISH : LZMA_RUN)
      }
    }
    let used = input.count - (unsafe stream.pointee.avail_in)
    let filled = output.count - (unsafe stream.pointee.avail_out)
    switch result {
    // Without progress, there is nothing to read or no room.
    case LZMA_OK, LZMA_BUF_ERROR: break
    case LZMA_STREAM_END: isComplete = true
    default: throw DecompressionProblem(reason: Self.reason(result), used: used)
    }
    return (used, filled)
  }

  private static func reason(_ result: lzma_ret) -> String {
    switch result {
    case LZMA_MEM_ERROR: "out of memory"
    case LZMA_MEMLIMIT_ERROR: "it takes more than \(memoryLimit >> 20) MiB of memory"
    case LZMA_FORMAT_ERROR: "expected another stream or the end, found other bytes"
    case LZMA_OPTIONS_ERROR: "it uses options that liblzma does not know"
    case LZMA_DATA_ERROR: "the data are corrupt"
    default: "liblzma's error \(result.rawValue)"
    }
  }
}
