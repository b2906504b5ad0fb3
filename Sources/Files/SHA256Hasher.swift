internal import COpenSSL

/// Computes a SHA-256 digest incrementally, with libcrypto.
///
/// ```swift
/// var hasher = SHA256Hasher()
/// hasher.update(first)
/// hasher.update(second)
/// let digest = hasher.finalize()
/// ```
@safe
package struct SHA256Hasher: ~Copyable {
  private let context: OpaquePointer

  /// Starts with no bytes.
  package init() {
    guard let context = unsafe EVP_MD_CTX_new() else { preconditionFailure("SHA-256: out of memory") }
    unsafe self.context = unsafe context
    let result = unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil)
    precondition(result == 1, "SHA-256: libcrypto offers no such digest")
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  /// Adds bytes to the digest.
  ///
  /// - Parameter bytes: Any number of bytes.
  package mutating func update(_ bytes: RawSpan) {
    let result = unsafe bytes.withUnsafeBytes { unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
    precondition(result == 1, "SHA-256: libcrypto failed to update")
  }

  /// The digest of all bytes; consumes the hasher.
  package consuming func finalize() -> SHA256Digest {
    var bytes = [UInt8](repeating: 0, count: 32)
    let result = unsafe bytes.withUnsafeMutableBufferPointer { unsafe EVP_DigestFinal_ex(context, $0.baseAddress, nil) }
    precondition(result == 1, "SHA-256: libcrypto failed to finish")
    return SHA256Digest(bytes: bytes)
  }
}
