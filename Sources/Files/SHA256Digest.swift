internal import COpenSSL

/// A SHA-256 digest: 32 bytes, written as 64 hexadecimal digits.
package struct SHA256Digest: Equatable, Hashable, Sendable, CustomStringConvertible {
  // A vector, not an array: a digest is made for each token and must not allocate.
  private let value: SIMD32<UInt8>

  /// The 32 bytes, most significant first.
  package var bytes: [UInt8] { value.indices.map { value[$0] } }

  /// The digest of bytes in memory.
  package init(of bytes: RawSpan) {
    var hasher = SHA256Hasher()
    hasher.update(bytes)
    self = hasher.finalize()
  }

  /// The digest of an array.
  package init(of bytes: [UInt8]) {
    self = bytes.withRawSpan { SHA256Digest(of: $0) }
  }

  /// The digest of a whole file; reads every page of it.
  package init(of file: MappedFile) {
    self = file.withBytes { SHA256Digest(of: $0) }
  }

  /// Reads the 64 digits of `description`, in either case.
  ///
  /// - Parameter hex: Hexadecimal digits; the result is nil for anything else.
  package init?(hex: String) {
    guard hex.utf8.count == 64 else { return nil }
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in hex {
      guard character.isASCII, let digit = character.hexDigitValue.map(UInt8.init) else { return nil }
      if let upper = high {
        bytes.append(upper << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    value = SIMD32(bytes)
  }

  /// A digest that was stored as bytes.
  ///
  /// - Precondition: 32 bytes.
  package init(bytes: [UInt8]) {
    precondition(bytes.count == 32, "SHA-256: \(bytes.count) bytes, expected 32")
    value = SIMD32(bytes)
  }

  /// The digest of these 32 bytes followed by a 32-bit word, least significant byte first: the next link of a hash
  /// chain.
  ///
  /// Does not allocate, unlike `SHA256Hasher`.
  package func followed(by word: UInt32) -> SHA256Digest {
    var (context, value, word) = (SHA256_CTX(), value, word.littleEndian)
    let results = unsafe (
      SHA256_Init(&context), SHA256_Update(&context, &value, 32), SHA256_Update(&context, &word, 4),
      withUnsafeMutableBytes(of: &value) { unsafe SHA256_Final($0.baseAddress, &context) }
    )
    precondition(results == (1, 1, 1, 1), "SHA-256: libcrypto failed")
    return SHA256Digest(value)
  }

  private init(_ value: SIMD32<UInt8>) { self.value = value }

  /// 64 lowercase hexadecimal digits.
  package var description: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
