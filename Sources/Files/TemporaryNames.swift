internal import Glibc
internal import Synchronization

/// The names of this process's temporary files, so that they are removed even if it is killed by a signal.
package enum TemporaryNames {
  /// Removes all of them. A signal handler may call it; the process must end afterwards.
  package static func removeAll() {
    for place in 0..<capacity {
      let path = unsafe UnsafePointer<CChar>(bitPattern: UInt(bitPattern: names[place]))
      if let path = unsafe path { unsafe unlink(path) }
    }
  }

  /// Allocates the memory that `removeAll` reads.
  static func prepare() { _ = unsafe names }

  /// Adds a file; if there is no room, it is not tracked.
  static func add(_ path: String) {
    mutex.withLock { _ in
      for place in 0..<capacity where unsafe names[place] == nil {
        unsafe names[place] = strdup(path)
        return
      }
    }
  }

  /// Removes the name of a file that was renamed or removed.
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

/// A command has one or two outputs, and few more at a time.
private let capacity = 16
private let mutex = Mutex(())
// Handlers read them while the mutex may be held, so a name must be either complete or absent.
nonisolated(unsafe) private let names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = {
  let names = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: capacity)
  unsafe names.initialize(repeating: nil, count: capacity)
  return unsafe names
}()
