internal import Glibc

/// An exclusive lock on a folder, held by one process at a time and released when that process ends.
///
/// It is a system lock (`flock`) on the file `.lock` in the folder, which holds the process id. A file system without
/// such locks lets every process through.
package final class FolderLock {
  /// The name of the locked file.
  package static let fileName = ".lock"
  private let descriptor: Int32

  /// Takes the lock.
  ///
  /// - Parameter folder: An existing folder.
  /// - Throws: `FileError.inUse` if another process holds the lock, `.cannotCreate` if the file cannot be created.
  package init(folder: String) throws(FileError) {
    let path = folder + "/" + Self.fileName
    do {
      descriptor = try openDescriptor(path, O_RDWR | O_CREAT, mode: 0o644)
    } catch {
      throw .cannotCreate(path: path, reason: error.reason)
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
      // As all properties have their values here, throwing runs deinit, which closes the file.
      let owner = (try? readAll(path: path, byteLimit: 32)).map { String(decoding: $0, as: UTF8.self) }
      throw .inUse(path: folder, process: owner.flatMap { Int($0.prefix { $0.isNumber }) })
    }
    _ = ftruncate(descriptor, 0)
    try? writeAll(Array("\(getpid())\n".utf8), to: descriptor, name: path)
  }

  deinit { close(descriptor) }
}
