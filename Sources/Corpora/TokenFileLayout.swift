package import Files

/// The header of a token file: 64 bytes, little-endian. See docs/TOKENS.md.
package struct TokenFileHeader: Equatable, Sendable {
  /// The size of the tokenizer's vocabulary.
  package let vocabularySize: Int
  /// The id that ends each document, if any.
  package let eosID: Int32?
  /// The digest of the tokenizer's model.
  package let tokenizerDigest: SHA256Digest

  /// The version of the format that this program writes and reads.
  package static let formatVersion = 1
  static let byteCount = 64
  static let magic = Array("RNTOKENS".utf8)

  /// Bytes per id: two are enough for a vocabulary of up to 65,536.
  package var idByteCount: Int { vocabularySize <= 1 << 16 ? 2 : 4 }

  /// Describes a file to be written.
  ///
  /// - Parameters:
  ///   - vocabularySize: 1 to 2³¹ − 1.
  ///   - eosID: An id of the vocabulary.
  ///   - tokenizerDigest: The digest of the tokenizer's model.
  package init(vocabularySize: Int, eosID: Int32?, tokenizerDigest: SHA256Digest) {
    precondition(1...Int(Int32.max) ~= vocabularySize, "token file: a vocabulary of \(vocabularySize) ids")
    precondition(eosID.map { 0..<vocabularySize ~= Int($0) } ?? true, "token file: EOS outside the vocabulary")
    self.vocabularySize = vocabularySize
    self.eosID = eosID
    self.tokenizerDigest = tokenizerDigest
  }

  var bytes: [UInt8] {
    var bytes = Self.magic
    bytes.append(littleEndian: UInt32(Self.formatVersion))
    bytes.append(littleEndian: UInt32(idByteCount))
    bytes.append(littleEndian: UInt32(vocabularySize))
    bytes.append(littleEndian: UInt32(bitPattern: eosID ?? -1))
    bytes.append(contentsOf: tokenizerDigest.bytes)
    bytes.append(littleEndian: UInt64(0))
    return bytes
  }
}

/// The trailer of a token file: 64 bytes, little-endian.
struct TokenFileTrailer {
  let count: Int
  let documentCount: Int
  let dataDigest: SHA256Digest

  static let byteCount = 64
  static let magic = Array("RNTOKEND".utf8)

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: UInt64(count))
    bytes.append(littleEndian: UInt64(documentCount))
    bytes.append(contentsOf: dataDigest.bytes)
    bytes.append(littleEndian: UInt64(0))
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
