internal import CZlib
internal import Glibc

/// Reads gzip with zlib: one member or several, one after the other. zlib compares length and CRC of each.
@safe final class GzipDecompressor: Decompressor {
  // zlib keeps the address, so the structure has a place of its own.
  private let stream: UnsafeMutablePointer<z_stream>
  private(set) var isComplete = false

  init() throws(SystemError) {
    unsafe stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    guard unsafe rn_inflate_init(stream) == Z_OK else {
      unsafe stream.deallocate()
      throw SystemError(code: ENOMEM)
    }
  }

  deinit {
    _ = unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  func decompress(
    _ input: ArraySlice<UInt8>, isLast: Bool, into output: inout [UInt8]
  ) throws(DecompressionProblem) -> (used: Int, filled: Int) {
    if isComplete {
      guard let first = input.first else { return (0, 0) }
      guard first == 0x1F else {
        throw DecompressionProblem(reason: "expected another member or the end, found other bytes", used: 0)
      }
      _ = unsafe inflateReset(stream)
      isComplete = false
    }
    let result = unsafe input.withUnsafeBufferPointer { input in
      unsafe output.withUnsafeMutableBufferPointer { output in
        // zlib does not write to its input.
        unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        unsafe stream.pointee.avail_in = uInt(input.count)
        unsafe stream.pointee.next_out = output.baseAddress
        unsafe stream.pointee.avail_out = uInt(output.count)
        return unsafe inflate(stream, Z_NO_FLUSH)
      }
    }
    let used = input.count - Int(unsafe stream.pointee.avail_in)
    let filled = output.count - Int(unsafe stream.pointee.avail_out)
    switch result {
    // Without progress, there is nothing to read or no room.
    case Z_OK, Z_BUF_ERROR: break
    case Z_STREAM_END: isComplete = true
    default:
      let message = unsafe stream.pointee.msg.map { unsafe String(cString: $0) }
      throw DecompressionProblem(reason: message ?? "zlib's error \(result)", used: used)
    }
    return (used, filled)
  }
}
