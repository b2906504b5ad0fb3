/// The lowest bytes of a number in two's complement, lowest first.
func little(_ number: Int, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
}

extension [UInt8] {
  /// The unsigned little-endian integer in some bytes.
  ///
  /// - Parameters:
  ///   - offset: The position of its first byte.
  ///   - count: Its length, 1 to 8 bytes.
  /// - Returns: The number.
  /// - Precondition: The bytes exist.
  func littleEndian(at offset: Int, count: Int) -> UInt64 {
    self[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
