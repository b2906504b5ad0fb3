internal import Glibc

/// A block of Float32 numbers, owned for as long as any tensor looks at it; its own memory is aligned to a cache line.
///
/// `@unchecked Sendable`: the block never moves or changes size. Who may write which part when is decided by the
/// operations of this module: each joins its workers before returning and hands them disjoint ranges.
@safe package final class Storage: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  package let count: Int

  /// What is given back: a mapping where the block is large, a piece of the heap where it is small.
  private let allocation: UnsafeMutableRawPointer?
  private let mappedByteCount: Int
  /// Of a block that is another object's.
  private let owner: AnyObject?

  /// Zeroed memory. A large block is mapped: its pages take up room only once they are touched, and the system is asked
  /// for pages of 2 MiB, with which a matrix product, walking down columns, needs few translations. Where the system has
  /// no memory, the process ends (`MemoryRefusal`).
  init(count: Int) {
    self.count = count
    let byteCount = checkedByteCount(of: count, Float.self)
    if byteCount >= 1 << 21 {
      let block = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      guard let block = unsafe block, unsafe block != MAP_FAILED else {
        MemoryRefusal.end(byteCount: byteCount)
      }
      unsafe madvise(block, byteCount, MADV_HUGEPAGE)
      unsafe allocation = block
      mappedByteCount = byteCount
    } else {
      unsafe allocation = allocateZeroed(byteCount: byteCount + 64)
      mappedByteCount = 0
    }
    guard let start = unsafe allocation?.alignedUp(toMultipleOf: 64) else { preconditionFailure("Storage: no block") }
    unsafe base = start.bindMemory(to: Float.self, capacity: count)
    owner = nil
  }

  /// Numbers of another object, as a mapped file's; they are only read.
  ///
  /// - Parameter bytes: Aligned to four.
  init(borrowing bytes: WeightBytes) {
    let start = unsafe UnsafeMutableRawPointer(mutating: bytes.base)
    count = bytes.count / MemoryLayout<Float>.stride
    unsafe base = start.bindMemory(to: Float.self, capacity: count)
    unsafe allocation = nil
    mappedByteCount = 0
    owner = bytes
  }

  deinit {
    if mappedByteCount > 0 { unsafe munmap(allocation, mappedByteCount) } else { unsafe free(allocation) }
  }
}
