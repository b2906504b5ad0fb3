/// A format of compressed files, read as its bytes come.
protocol Decompressor: AnyObject {
  /// Whether the input may end here: after a whole member, frame or stream.
  var isComplete: Bool { get }

  /// Decompresses some input.
  ///
  /// - Parameters:
  ///   - input: The next compressed bytes; may be empty while output is left over from earlier ones.
  ///   - isLast: Whether nothing follows them.
  ///   - output: Filled from its start; not empty.
  /// - Returns: How many bytes of `input` were used, and how many of `output` were filled.
  /// - Throws: `DecompressionProblem`.
  func decompress(
    _ input: ArraySlice<UInt8>, isLast: Bool, into output: inout [UInt8]
  ) throws(DecompressionProblem) -> (used: Int, filled: Int)
}

/// Why compressed bytes cannot be read on.
struct DecompressionProblem: Error {
  /// What the library says.
  let reason: String
  /// How many bytes of the last input were read before.
  let used: Int
}

extension FileKind {
  /// What decompresses files of this kind; nil for kinds that are not compressed, and for bzip2.
  ///
  /// - Throws: `SystemError` if there is no memory.
  func decompressor() throws(SystemError) -> (any Decompressor)? {
    switch self {
    case .gzip: try GzipDecompressor()
    case .zstd: try ZstdDecompressor()
    case .xz: try XZDecompressor()
    default: nil
    }
  }
}
