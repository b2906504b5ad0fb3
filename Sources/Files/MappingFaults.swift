internal import Glibc
internal import Synchronization

/// Ends the process with a clear message when a mapped file has become shorter. Reading past its new end is a bus
/// error, which cannot be thrown.
package enum MappingFaults {
  /// Makes such a fault end the process with this status; other bus errors are handled as before. Called once, at the
  /// start.
  package static func endProcess(status: Int32) {
    exitStatus.store(status, ordering: .relaxed)
    // Initialised before a handler can need them.
    _ = (firstRange.load(ordering: .relaxed), isEnding.load(ordering: .relaxed), opening, reason)
    TemporaryNames.prepare()
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_sigaction = endOfFault
    action.sa_flags = SA_SIGINFO
    _ = unsafe sigaction(SIGBUS, &action, before)
    // A process inherits the signal mask of the thread that started it.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGBUS)
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  /// Registers where a file is mapped.
  ///
  /// - Parameters:
  ///   - bytes: The bytes of the whole file.
  ///   - path: The path of the file.
  /// - Returns: The value to pass to `forget`.
  static func note(_ bytes: UnsafeRawBufferPointer, path: String) -> Int {
    mutex.withLock { _ in
      var range = unsafe UnsafeMutablePointer<MappedRange>(bitPattern: firstRange.load(ordering: .relaxed))
      // A released entry is reused. Entries are never freed, because a handler may be reading them.
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

  /// Unregisters a file that is no longer mapped.
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
/// The earlier handler of bus errors.
nonisolated(unsafe) private let before: UnsafeMutablePointer<sigaction> = {
  let action = UnsafeMutablePointer<sigaction>.allocate(capacity: 1)
  unsafe action.initialize(to: sigaction())
  return unsafe action
}()
private let opening: StaticString = "error: "
/// The same words as in `FileError.cannotRead`.
private let reason: StaticString = ": cannot read: the file became shorter while it was in use\n"

/// A signal handler: it may call nothing but `write`, `unlink`, `sigaction` and `_exit`.
private func endOfFault(_ number: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?)
{
  let address = unsafe UInt(bitPattern: info?.pointee._sifields._sigfault.si_addr)
  var range = unsafe UnsafeMutablePointer<MappedRange>(bitPattern: firstRange.load(ordering: .acquiring))
  while let mapped = unsafe range {
    if unsafe address >= mapped.pointee.start, unsafe address - mapped.pointee.start < UInt(mapped.pointee.count) {
      // If several threads come here, only one writes the message.
      while isEnding.exchange(true, ordering: .acquiringAndReleasing) { _ = pause() }
      TemporaryNames.removeAll()
      _ = unsafe write(STDERR_FILENO, opening.utf8Start, opening.utf8CodeUnitCount)
      if let path = unsafe mapped.pointee.path { _ = unsafe write(STDERR_FILENO, path, strlen(path)) }
      _ = unsafe write(STDERR_FILENO, reason.utf8Start, reason.utf8CodeUnitCount)
      _exit(exitStatus.load(ordering: .relaxed))
    }
    unsafe range = mapped.pointee.next
  }
  // Not ours: the instruction runs again, and the fault is handled as usual.
  _ = unsafe sigaction(SIGBUS, before, nil)
}
