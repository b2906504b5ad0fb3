/// Conversions between arrays and raw bytes.
extension [UInt8] {
  /// Copies the bytes of a span.
  package init(copying bytes: RawSpan) {
    self = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
  }

  /// Passes the elements to a closure as raw bytes.
  ///
  /// - Parameter body: Reads the bytes; it cannot keep them.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  package func withRawSpan<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(unsafe span.bytes)
  }
}
