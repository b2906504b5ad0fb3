internal import Glibc

/// A block of Float32 numbers that lives as long as any tensor refers to it.
///
/// Memory that it allocates is aligned to a cache line.
///
/// `@unchecked Sendable`: the block never moves or changes size. The operations of this module decide who may write
/// which part: each gives its workers disjoint ranges and joins them before it returns.
@safe package final class Storage: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  package let count: Int

  /// The memory to free: a mapping for a large block, heap memory for a small one; nil if it is borrowed.
  private let allocation: UnsafeMutableRawPointer?
  private let mappedByteCount: Int
  /// The object that owns borrowed numbers.
  private let owner: AnyObject?

  /// Allocates zeroed memory; ends the process if the system has none (`MemoryRefusal`).
  ///
  /// A block of 2 MiB or more is mapped. Its pages take up memory only when they are touched. The system is asked for
  /// pages of 2 MiB: a matrix product walks down columns, and then needs fewer address translations.
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

  /// Refers to numbers of another object, such as a mapped file. They are only read.
  ///
  /// - Parameter bytes: The numbers, aligned to four bytes.
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
