package import Files

/// A digest of token ids that can go on from itself: d(0) is 32 zero bytes, d(n) the SHA-256 of d(n − 1) and of the n-th
/// id as four little-endian bytes. So a file that has it need not have the ids to read on, nor to tell a text again.
package struct IDDigest: Equatable, Sendable {
  package private(set) var digest: SHA256Digest

  /// Of no ids.
  package init() { digest = SHA256Digest(bytes: [UInt8](repeating: 0, count: 32)) }

  /// As it was stored.
  package init(_ digest: SHA256Digest) { self.digest = digest }

  /// Of some ids from the first on.
  package init(of ids: some Sequence<Int32>) {
    self.init()
    append(ids)
  }

  /// Takes the ids that follow.
  package mutating func append(_ ids: some Sequence<Int32>) {
    for id in ids { digest = digest.followed(by: UInt32(bitPattern: id)) }
  }
}
