/// The checksum of TFRecord files: CRC-32 with Castagnoli's polynomial.
///
/// Source: RFC 3720, appendix B.4.
package enum CRC32C {
  /// The remainders of all bytes, by the polynomial 0x1EDC6F41 with its bits in reverse.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { rest, _ in rest & 1 == 0 ? rest >> 1 : rest >> 1 ^ 0x82F6_3B78 }
  }

  /// The checksum of bytes.
  package static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { rest, byte in rest >> 8 ^ table[Int(UInt8(truncatingIfNeeded: rest) ^ byte)] }
  }

  /// The checksum as TFRecord files store it: turned and moved, since a checksum over bytes that hold their own checksum
  /// detects less.
  ///
  /// Source: TensorFlow, tensorflow/core/lib/hash/crc32c.h, `Mask`.
  static func masked(_ bytes: [UInt8]) -> UInt32 {
    let sum = checksum(bytes)
    return (sum >> 15 | sum << 17) &+ 0xA282_EAD8
  }
}
