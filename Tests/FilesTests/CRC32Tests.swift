import Files
import TestSupport
import Testing

@Suite struct CRC32Tests {
  private func checksum(_ bytes: [UInt8]) -> UInt32 {
    var checksum = CRC32Checksum()
    bytes.withRawSpan { checksum.update($0) }
    return checksum.value
  }

  // The check value of the catalogue of parametrised CRC algorithms (CRC-32/ISO-HDLC), and others by Python's zlib.
  static let vectors: [(text: String, value: UInt32)] = [
    ("", 0), ("a", 0xE8B7_BE43), ("123456789", 0xCBF4_3926),
    ("The quick brown fox jumps over the lazy dog", 0x414F_A339),
  ]

  @Test(arguments: vectors)
  func givesThePublishedValues(text: String, value: UInt32) { #expect(checksum(Array(text.utf8)) == value) }

  @Test func dividesBitByBit() {
    var random = SeededGenerator(seed: 32)
    for count in [1, 7, 8, 9, 16, 63, 1000] {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      var rest = UInt32.max
      for byte in bytes {
        rest ^= UInt32(byte)
        for _ in 0..<8 { rest = rest & 1 == 0 ? rest >> 1 : (rest >> 1) ^ 0xEDB8_8320 }
      }
      #expect(checksum(bytes) == ~rest)
    }
  }

  @Test func doesNotDependOnTheCuts() {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
    for length in [1, 7, 8, 63, 999] {
      var pieces = CRC32Checksum()
      for start in stride(from: 0, to: bytes.count, by: length) {
        Array(bytes[start..<min(start + length, bytes.count)]).withRawSpan { pieces.update($0) }
      }
      #expect(pieces.value == checksum(bytes))
    }
  }
}
