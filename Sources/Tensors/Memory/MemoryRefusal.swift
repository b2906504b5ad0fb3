internal import Glibc
internal import Synchronization

/// What happens when the system has no memory for an array: arithmetic does not throw, so the process ends there.
package enum MemoryRefusal {
  /// Says what ends the process; without it, a failed precondition does. Called once, at the start.
  ///
  /// - Parameters:
  ///   - limit: The most bytes that the process may use. Asked once, when much is wanted: what a control group allows is
  ///     less than the system promises, and a process that touches more is killed without a word.
  ///   - end: Gets the bytes that were asked for.
  package static func whenRefused(
    limit: @escaping @Sendable () -> Double, end: @escaping @Sendable (_ byteCount: Int) -> Never
  ) {
    policy.withLock { $0 = Policy(limit: limit, end: end) }
  }

  /// Ends the process if the system would not hand out so many bytes now; nothing is kept of them. For what is made of
  /// many arrays, or of arrays that do not ask here.
  ///
  /// - Parameter byteCount: Nothing is asked for less than 16 MiB.
  package static func require(byteCount: Double) {
    guard byteCount >= 0x1p24 else { return }
    guard byteCount < 0x1p62, byteCount <= limit else { end(byteCount: Int(min(byteCount, 0x1p62))) }
    let count = Int(byteCount)
    let block = unsafe mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard unsafe block != MAP_FAILED else { end(byteCount: count) }
    unsafe munmap(block, count)
  }

  /// Ends the process if it may not have so many addresses more, with or without memory behind them.
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

  /// Ends the process because of a number of bytes.
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

/// Bytes of the heap, zeroed; see `MemoryRefusal`.
func allocateZeroed(byteCount: Int) -> UnsafeMutableRawPointer {
  guard let block = unsafe calloc(max(1, byteCount), 1) else { MemoryRefusal.end(byteCount: byteCount) }
  return unsafe block
}

/// Bytes of so many numbers; see `MemoryRefusal` for more than there can be.
func checkedByteCount<Number>(of count: Int, _: Number.Type) -> Int {
  let (bytes, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Number>.stride)
  if overflows { MemoryRefusal.end(byteCount: .max) }
  return bytes
}
