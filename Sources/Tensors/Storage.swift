internal import Glibc

/// A block of Float32 numbers, aligned to a page, owned for as long as any tensor looks at it.
///
/// `@unchecked Sendable`: the block never moves or changes size. Who may write which part when is decided by the
/// operations of this module: each joins its workers before returning and hands them disjoint ranges.
@safe package final class Storage: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  package let count: Int

  private let byteCount: Int

  /// Zeroed memory, straight from the system: whole pages, which take up room only once they are touched.
  init(count: Int) {
    byteCount = max(1, count * MemoryLayout<Float>.stride)
    let block = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let block = unsafe block, unsafe block != MAP_FAILED else {
      preconditionFailure("Storage: \(byteCount) bytes of memory are not to be had")
    }
    // Matrix products walk down columns: with pages of 2 MiB a tile needs few translations.
    if byteCount >= 1 << 21 { unsafe madvise(block, byteCount, MADV_HUGEPAGE) }
    unsafe base = block.bindMemory(to: Float.self, capacity: count)
    self.count = count
  }

  deinit { unsafe munmap(base, byteCount) }
}
