internal import Glibc
internal import Synchronization

/// What happens when a mapped file has become shorter than it was: reading behind its new end is a bus error, in which
/// nothing can be thrown. So the process ends there, with a line that names the file.
package enum MappingFaults {
  /// From here on such a fault ends the process with this status; any other bus error does what it did before. Called
  /// once, at the start.
  package static func endProcess(status: Int32) {
    exitStatus.store(status, ordering: .relaxed)
    // Made before a handler can need them.
    _ = (firstRange.load(ordering: .relaxed), isEnding.load(ordering: .relaxed), opening, reason)
    TemporaryNames.prepare()
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_sigaction = endOfFault
    action.sa_flags = SA_SIGINFO
    _ = unsafe sigaction(SIGBUS, &action, before)
    // A process inherits the mask of the thread that started it.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGBUS)
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// Notes where a file is mapped.
  ///
  /// - Parameters:
  ///   - bytes: All of the file.
  ///   - path: Of the file.
  /// - Returns: What `forget` gets.
  static func note(_ bytes: UnsafeRawBufferPointer, path: String) -> Int {
    mutex.withLock { _ in
      var range = unsafe UnsafeMutablePointer<MappedRange>(bitPattern: firstRange.load(ordering: .relaxed))
      // One that was given back is taken again; none is ever freed, as a handler may be looking at it.
      while let used = unsafe range, unsafe used.pointee.count > 0 { unsafe range = used.pointee.next }
      if let free = unsafe range {
        unsafe Glibc.free(free.pointee.path)
        unsafe free.pointee.fill(bytes, path: path)
        return Int(bitPattern: free)
      }
      let made = UnsafeMutablePointer<MappedRange>.allocate(capacity: 1)
      unsafe made.initialize(to: MappedRange())
      unsafe made.pointee.next = UnsafeMutablePointer(bitPattern: firstRange.load(ordering: .relaxed))
      unsafe made.pointee.fill(bytes, path: path)
      firstRange.store(Int(bitPattern: made), ordering: .releasing)
      return Int(bitPattern: made)
    }
  }

  /// Forgets a file that is no longer mapped.
  static func forget(_ range: Int) {
    mutex.withLock { _ in unsafe UnsafeMutablePointer<MappedRange>(bitPattern: range)?.pointee.count = 0 }
  }
}

/// A mapped file, in memory that a signal handler can read.
@unsafe private struct MappedRange {
  fileprivate var start: UInt = 0
  /// 0: nothing is mapped.
  fileprivate var count = 0
  fileprivate var path: UnsafeMutablePointer<CChar>?
  fileprivate var next: UnsafeMutablePointer<MappedRange>?

  fileprivate mutating func fill(_ bytes: UnsafeRawBufferPointer, path: String) {
    unsafe self.path = strdup(path)
    unsafe start = UInt(bitPattern: bytes.baseAddress)
    unsafe count = bytes.count
  }
}

private let mutex = Mutex(())
/// The address of the first range, 0 where there is none.
private let firstRange = Atomic<Int>(0)
private let isEnding = Atomic<Bool>(false)
private let exitStatus = Atomic<Int32>(0)
/// What a bus error did before.
nonisolated(unsafe) private let before: UnsafeMutablePointer<sigaction> = {
  let action = UnsafeMutablePointer<sigaction>.allocate(capacity: 1)
  unsafe action.initialize(to: sigaction())
  return unsafe action
}()
private let opening: StaticString = "error: "
/// As `FileError.cannotRead` says it.
private let reason: StaticString = ": cannot read: the file became shorter while it was in use\n"

/// Runs in the middle of anything, on any thread: `write`, `unlink`, `sigaction` and `_exit` are all that may be called.
private func endOfFault(_ number: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?)
{
  let address = unsafe UInt(bitPattern: info?.pointee._sifields._sigfault.si_addr)
  var range = unsafe UnsafeMutablePointer<MappedRange>(bitPattern: firstRange.load(ordering: .acquiring))
  while let mapped = unsafe range {
    if unsafe address >= mapped.pointee.start, unsafe address - mapped.pointee.start < UInt(mapped.pointee.count) {
      // Of several threads that come here, one speaks.
      while isEnding.exchange(true, ordering: .acquiringAndReleasing) { _ = pause() }
      TemporaryNames.removeAll()
      _ = unsafe write(STDERR_FILENO, opening.utf8Start, opening.utf8CodeUnitCount)
      if let path = unsafe mapped.pointee.path { _ = unsafe write(STDERR_FILENO, path, strlen(path)) }
      _ = unsafe write(STDERR_FILENO, reason.utf8Start, reason.utf8CodeUnitCount)
      _exit(exitStatus.load(ordering: .relaxed))
    }
    unsafe range = mapped.pointee.next
  }
  // Not ours: the instruction runs again, and the fault has its usual end.
  _ = unsafe sigaction(SIGBUS, before, nil)
}
