import Files
import TestSupport
import Testing

@Suite struct SHA256Tests {
  // FIPS 180-4 examples, as in NIST's "SHA256.pdf", and the digest of nothing.
  static let vectors: [(text: String, digest: String)] = [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ]

  @Test(arguments: vectors)
  func givesThePublishedDigests(text: String, digest: String) throws {
    let folder = try TemporaryFolder()
    let bytes = Array(text.utf8)
    #expect(SHA256Digest(of: bytes).description == digest)
    #expect(SHA256Digest(of: try MappedFile(path: folder.add("a", bytes))).description == digest)
  }

  @Test func givesThePublishedDigestOfAMillionLetters() {
    let digest = SHA256Digest(of: [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000))
    #expect(digest.description == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func doesNotDependOnTheCuts() {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0) }
    for length in [1, 7, 63, 64, 65, 999] {
      var hasher = SHA256Hasher()
      for start in stride(from: 0, to: bytes.count, by: length) {
        Array(bytes[start..<min(start + length, bytes.count)]).withRawSpan { hasher.update($0) }
      }
      #expect(hasher.finalize() == SHA256Digest(of: bytes))
    }
  }

  @Test func aLinkOfAChainIsTheDigestOfItsBytes() {
    let first = SHA256Digest(of: [1, 2, 3])
    #expect(first.followed(by: 0x0403_0201) == SHA256Digest(of: first.bytes + [1, 2, 3, 4]))
    #expect(first.followed(by: .max) == SHA256Digest(of: first.bytes + [255, 255, 255, 255]))
  }

  @Test func readsItsOwnDescription() {
    let digest = SHA256Digest(of: [1, 2, 3])
    #expect(SHA256Digest(hex: digest.description) == digest)
    #expect(SHA256Digest(hex: digest.description.uppercased()) == digest)
  }

  @Test func readsNothingElse() {
    let digits = String(repeating: "0", count: 62)
    for text in ["", "00", digits, digits + "0g", digits + "000", digits + "é", digits + "\u{FF10}"] {
      #expect(SHA256Digest(hex: text) == nil)
    }
  }
}
