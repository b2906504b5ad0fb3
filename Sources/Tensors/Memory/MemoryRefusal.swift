internal import Glibc
internal import Synchronization

/// Ends the process when the system refuses memory, because arithmetic does not throw.
package enum MemoryRefusal {
  /// Sets the memory limit, and the function that ends the process. Called once, at the start.
  ///
  /// Without this call a refusal is a failed precondition.
  ///
  /// - Parameters:
  ///   - limit: The most bytes that the process may use. It is called once, by the first large request. A control group
  ///     can allow less than the system promises, and then kills a process that touches more without a message.
  ///   - end: Ends the process; its argument is the number of bytes that were refused.
  package static func whenRefused(
    limit: @escaping @Sendable () -> Double, end: @escaping @Sendable (_ byteCount: Int) -> Never
  ) {
    policy.withLock { $0 = Policy(limit: limit, end: end) }
  }

  /// Ends the process if it may not have this much memory now; keeps none of it.
  ///
  /// For memory that consists of many arrays, or of arrays that do not check for themselves.
  ///
  /// - Parameter byteCount: Bytes; less than 16 MiB is not checked.
  package static func require(byteCount: Double) {
    guard byteCount >= 0x1p24 else { return }
    guard byteCount < 0x1p62, byteCount <= limit else { end(byteCount: Int(min(byteCount, 0x1p62))) }
    let count = Int(byteCount)
    let block = unsafe mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard unsafe block != MAP_FAILED else { end(byteCount: count) }
    unsafe munmap(block, count)
  }

  /// Ends the process if it may not have this much more address space, with or without memory behind it.
  static func requireAddresses(byteCount: Int) {
    let block = unsafe mmap(nil, byteCount, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard unsafe block != MAP_FAILED else { end(byteCount: byteCount) }
    unsafe munmap(block, byteCount)
  }

  private static var limit: Double {
    policy.withLock { policy in
      guard let known = policy?.knownLimit else {
        let limit = policy?.limit() ?? .infinity
        policy?.knownLimit = limit
        return limit
      }
      return known
    }
  }

  /// Ends the process because this many bytes were refused.
  static func end(byteCount: Int) -> Never {
    if let end = policy.withLock({ $0?.end }) { end(byteCount) }
    preconditionFailure("\(byteCount) bytes of memory are not to be had")
  }
}

private struct Policy {
  let limit: @Sendable () -> Double
  let end: @Sendable (Int) -> Never
  var knownLimit: Double?
}

private let policy = Mutex<Policy?>(nil)

/// Allocates zeroed bytes on the heap; ends the process if there is no memory (`MemoryRefusal`).
func allocateZeroed(byteCount: Int) -> UnsafeMutableRawPointer {
  guard let block = unsafe calloc(max(1, byteCount), 1) else { MemoryRefusal.end(byteCount: byteCount) }
  return unsafe block
}

/// Bytes of `count` numbers; ends the process if that overflows an Int (`MemoryRefusal`).
func checkedByteCount<Number>(of count: Int, _: Number.Type) -> Int {
  let (bytes, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Number>.stride)
  if overflows { MemoryRefusal.end(byteCount: .max) }
  return bytes
}
