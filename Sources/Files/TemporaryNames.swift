internal import Glibc
internal import Synchronization

/// The temporary files of this process, so that an end in the middle of anything leaves none behind.
package enum TemporaryNames {
  /// Removes all of them; may be called by a signal handler, which has to end the process then.
  package static func removeAll() {
    for place in 0..<capacity {
      let path = unsafe UnsafePointer<CChar>(bitPattern: UInt(bitPattern: names[place]))
      if let path = unsafe path { unsafe unlink(path) }
    }
  }

  /// Makes the memory that `removeAll` reads.
  static func prepare() { _ = unsafe names }

  /// Notes a file; more than there is room for are left alone.
  static func add(_ path: String) {
    mutex.withLock { _ in
      for place in 0..<capacity where unsafe names[place] == nil {
        unsafe names[place] = strdup(path)
        return
      }
    }
  }

  /// Forgets a file that was renamed or removed.
  static func remove(_ path: String) {
    mutex.withLock { _ in
      for place in 0..<capacity {
        guard let name = unsafe names[place], unsafe strcmp(name, path) == 0 else { continue }
        unsafe names[place] = nil
        unsafe free(name)
        return
      }
    }
  }
}

/// A command has one output, or two, and few more at a time.
private let capacity = 16
private let mutex = Mutex(())
// Handlers read them while the mutex may be held: a name is there as a whole or not at all.
nonisolated(unsafe) private let names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = {
  let names = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: capacity)
  unsafe names.initialize(repeating: nil, count: capacity)
  return unsafe names
}()
