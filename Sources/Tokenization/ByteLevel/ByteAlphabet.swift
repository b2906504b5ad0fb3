/// The characters that stand for bytes in the pieces of byte-level BPE.
///
/// Visible characters of Latin-1 stand for themselves. The other 68 bytes are U+0100 and following, so that a space is
/// `Ġ` and a newline is `Ċ`. Source: GPT-2, encoder.py, bytes_to_unicode.
enum ByteAlphabet {
  /// The character of each byte.
  static let characters: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (0..<256).map { (byte: UInt32) in
      if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte) {
        return Unicode.Scalar(UInt8(byte))
      }
      defer { next += 1 }
      return Unicode.Scalar(next) ?? "\u{FFFD}"
    }
  }()

  private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
    uniqueKeysWithValues: zip(characters, 0...255))

  /// The bytes that a piece stands for; nil if it has another character.
  static func bytes(of piece: some Sequence<UInt8>) -> [UInt8]? {
    var found: [UInt8] = []
    for character in String(decoding: Array(piece), as: UTF8.self).unicodeScalars {
      guard let byte = bytes[character] else { return nil }
      found.append(byte)
    }
    return found
  }
}
