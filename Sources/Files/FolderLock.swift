internal import Glibc

/// The right to write into a folder: held by one process at a time, and let go when that process ends, however it ends.
///
/// A lock of the system (`flock`) on the file `.lock` in the folder, which holds the number of the process. A file
/// system that knows no such locks gives the right to everyone.
package final class FolderLock {
  /// The name of the file that is locked.
  package static let fileName = ".lock"
  private let descriptor: Int32

  /// Takes the lock.
  ///
  /// - Parameter folder: It exists.
  /// - Throws: `FileError.inUse` where another process holds the lock, `.cannotCreate` where there can be no file.
  package init(folder: String) throws(FileError) {
    let path = folder + "/" + Self.fileName
    do {
      descriptor = try openDescriptor(path, O_RDWR | O_CREAT, mode: 0o644)
    } catch {
      throw .cannotCreate(path: path, reason: error.reason)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
      // deinit closes the file, as for every initialiser that throws once all properties have their values.
      let owner = (try? readAll(path: path, byteLimit: 32)).map { String(decoding: $0, as: UTF8.self) }
      throw .inUse(path: folder, process: owner.flatMap { Int($0.prefix { $0.isNumber }) })
    }
    _ = ftruncate(descriptor, 0)
    try? writeAll(Array("\(getpid())\n".utf8), to: descriptor, name: path)
  }

  deinit { close(descriptor) }
}
