extension [UInt8] {
  /// The unsigned little-endian number in some bytes.
  ///
  /// - Parameters:
  ///   - offset: Where it begins.
  ///   - count: Its length, 1 to 8 bytes.
  /// - Returns: The number.
  /// - Precondition: The bytes exist.
  func littleEndian(at offset: Int, count: Int) -> UInt64 {
    self[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
