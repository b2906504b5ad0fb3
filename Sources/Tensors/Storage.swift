internal import Glibc

/// A block of Float32 numbers, aligned to a cache line, owned for as long as any tensor looks at it.
///
/// `@unchecked Sendable`: the block never moves or changes size. Who may write which part when is decided by the
/// operations of this module: each joins its workers before returning and hands them disjoint ranges.
@safe package final class Storage: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  package let count: Int

  /// What is given back: a mapping where the block is large, a piece of the heap where it is small.
  private let allocation: UnsafeMutableRawPointer
  private let mappedByteCount: Int

  /// Zeroed memory. A large block is mapped: its pages take up room only once they are touched, and the system is asked
  /// for pages of 2 MiB, with which a matrix product, walking down columns, needs few translations.
  init(count: Int) {
    self.count = count
    let byteCount = count * MemoryLayout<Float>.stride
    if byteCount >= 1 << 21 {
      let block = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      guard let block = unsafe block, unsafe block != MAP_FAILED else {
        preconditionFailure("Storage: \(byteCount) bytes of memory are not to be had")
      }
      unsafe madvise(block, byteCount, MADV_HUGEPAGE)
      unsafe allocation = block
      mappedByteCount = byteCount
    } else {
      guard let block = unsafe calloc(byteCount + 64, 1) else {
        preconditionFailure("Storage: \(byteCount) bytes of memory are not to be had")
      }
      unsafe allocation = block
      mappedByteCount = 0
    }
    unsafe base = allocation.alignedUp(toMultipleOf: 64).bindMemory(to: Float.self, capacity: count)
  }

  deinit {
    if mappedByteCount > 0 { unsafe munmap(allocation, mappedByteCount) } else { unsafe free(allocation) }
  }
}
