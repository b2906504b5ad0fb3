package import Files

/// The header of a token file: 64 bytes, little-endian. See docs/TOKENS.md.
package struct TokenFileHeader: Equatable, Sendable {
  /// The size of the tokenizer's vocabulary.
  package let vocabularySize: Int
  /// The id that ends each document, if any.
  package let eosID: Int32?
  /// The digest of the tokenizer's model.
  package let tokenizerDigest: SHA256Digest
  /// Whether some ids are not scored.
  package let hasMask: Bool
  /// The bytes of a text that says how conversations were made into ids; 0 for none.
  package let chatTemplateByteCount: Int

  /// The latest version of the format that this program writes and reads.
  package static let formatVersion = 2
  static let byteCount = 64
  static let magic = Array("RNTOKENS".utf8)

  /// Bytes per id: two are enough for a vocabulary of up to 65,536.
  package var idByteCount: Int { vocabularySize <= 1 << 16 ? 2 : 4 }

  /// The version that the file needs: files without a mask and a template are as they always were.
  var version: Int { hasMask || chatTemplateByteCount > 0 ? 2 : 1 }

  /// Describes a file to be written.
  ///
  /// - Parameters:
  ///   - vocabularySize: 1 to 2³¹ − 1.
  ///   - eosID: An id of the vocabulary.
  ///   - tokenizerDigest: The digest of the tokenizer's model.
  ///   - hasMask: Whether some ids are not scored.
  ///   - chatTemplateByteCount: The bytes of the chat template.
  package init(
    vocabularySize: Int, eosID: Int32?, tokenizerDigest: SHA256Digest, hasMask: Bool = false,
    chatTemplateByteCount: Int = 0
  ) {
    precondition(1...Int(Int32.max) ~= vocabularySize, "token file: a vocabulary of \(vocabularySize) ids")
    precondition(eosID.map { 0..<vocabularySize ~= Int($0) } ?? true, "token file: EOS outside the vocabulary")
    self.vocabularySize = vocabularySize
    self.eosID = eosID
    self.tokenizerDigest = tokenizerDigest
    self.hasMask = hasMask
    self.chatTemplateByteCount = chatTemplateByteCount
  }

  /// The longest chat template: 1 MiB.
  package static let chatTemplateByteLimit = 1 << 20

  var bytes: [UInt8] {
    var bytes = Self.magic
    bytes.append(littleEndian: UInt32(version))
    bytes.append(littleEndian: UInt32(idByteCount))
    bytes.append(littleEndian: UInt32(vocabularySize))
    bytes.append(littleEndian: UInt32(bitPattern: eosID ?? -1))
    bytes.append(contentsOf: tokenizerDigest.bytes)
    bytes.append(littleEndian: UInt64(chatTemplateByteCount))
    return bytes
  }
}

/// The trailer of a token file: 64 bytes, little-endian.
struct TokenFileTrailer {
  let count: Int
  let documentCount: Int
  let dataDigest: SHA256Digest
  /// The number of positions at which scoring begins or ends.
  var flipCount = 0

  static let byteCount = 64
  static let magic = Array("RNTOKEND".utf8)

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt64(count))
    bytes.append(littleEndian: UInt64(documentCount))
    bytes.append(contentsOf: dataDigest.bytes)
    bytes.append(littleEndian: UInt64(flipCount))
    bytes.append(contentsOf: Self.magic)
    return bytes
  }
}

extension [UInt8] {
  mutating func append(littleEndian number: some FixedWidthInteger) {
    var rest = number
    for _ in 0..<(number.bitWidth / 8) {
      append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }
}

extension Span where Element == UInt8 {
  /// The integer at a byte offset, least significant byte first.
  func number<Number: FixedWidthInteger & UnsignedInteger>(at start: Int, as type: Number.Type) -> Number {
    var number: Number = 0
    for index in (start..<start + Number.bitWidth / 8).reversed() { number = number << 8 | Number(self[index]) }
    return number
  }
}
