internal import Glibc

/// A block of Float32 numbers, aligned to a cache line, owned for as long as any tensor looks at it.
///
/// `@unchecked Sendable`: the block never moves or changes size. Who may write which part when is decided by the
/// operations of this module: each joins its workers before returning and hands them disjoint ranges.
@safe package final class Storage: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  package let count: Int

  /// Zeroed memory; large blocks come from the system as untouched pages and cost nothing until used.
  init(count: Int) {
    let bytes = max(64, (count * MemoryLayout<Float>.stride + 63) / 64 * 64)
    var block: UnsafeMutableRawPointer?
    let failure = unsafe posix_memalign(&block, 64, bytes)
    guard failure == 0, let block = unsafe block else {
      preconditionFailure("Storage: \(bytes) bytes of memory are not to be had")
    }
    unsafe memset(block, 0, bytes)
    unsafe base = block.bindMemory(to: Float.self, capacity: count)
    self.count = count
  }

  deinit { unsafe free(base) }
}
