/// Computes a CRC-32 checksum incrementally, as zip archives have it.
///
/// Eight bytes per step. Source: PKWARE APPNOTE 6.3.10, 4.4.7; Kounavis and Berry 2005, "slicing-by-8".
package struct CRC32Checksum: Sendable {
  private var register = UInt32.max

  /// Starts with no bytes.
  package init() {}

  /// The checksum of all bytes so far.
  package var value: UInt32 { ~register }

  /// Adds bytes to the checksum.
  ///
  /// - Parameter bytes: Any number of bytes.
  package mutating func update(_ bytes: RawSpan) {
    let (table, count) = (remainders, bytes.byteCount)
    var (rest, start) = (register, 0)
    while start + 8 <= count {
      let loaded = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self)
      let word: UInt64 = loaded.littleEndian ^ UInt64(rest)
      rest = 0
      for place in 0..<8 {
        let byte = Int(truncatingIfNeeded: word &>> UInt64(8 * place)) & 0xFF
        rest ^= table[256 * (7 - place) + byte]
      }
      start += 8
    }
    while start < count {
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: start, as: UInt8.self)
      rest = (rest >> 8) ^ table[Int(UInt8(truncatingIfNeeded: rest) ^ byte)]
      start += 1
    }
    register = rest
  }
}

/// At index 256 n + b: the remainder of byte b, followed by n zero bytes.
private let remainders: [UInt32] = {
  var table: [UInt32] = []
  for byte in UInt32(0)..<256 {
    var rest = byte
    for _ in 0..<8 { rest = rest & 1 == 0 ? rest >> 1 : (rest >> 1) ^ polynomial }
    table.append(rest)
  }
  for index in 256..<8 * 256 {
    let rest = table[index - 256]
    table.append((rest >> 8) ^ table[Int(rest & 0xFF)])
  }
  return table
}()

/// That of zip, without its highest power, the other powers in reverse.
private let polynomial: UInt32 = 0xEDB8_8320
