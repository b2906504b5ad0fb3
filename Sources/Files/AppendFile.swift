internal import Glibc

/// An append-only file, such as a log: others can read it while it is written.
package final class AppendFile {
  package let path: String
  private let descriptor: Int32

  /// Opens the file for appending; creates it if it does not exist.
  ///
  /// - Throws: `FileError.cannotCreate`.
  package init(path: String) throws(FileError) {
    self.path = path
    do {
      let isNew = try status(at: path) == nil
      descriptor = try openDescriptor(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
      if isNew { try syncFolder(path: WriteTarget.folder(of: path)) }
    } catch {
      throw .cannotCreate(path: path, reason: error.reason)
    }
  }

  deinit { close(descriptor) }

  /// Appends a line and its newline in one write.
  ///
  /// - Throws: `FileError.cannotWrite`.
  package func write(line: String) throws(FileError) { try write(Array((line + "\n").utf8)) }

  /// Appends bytes in one write. If a full disk cuts the write short, the partial write is removed again.
  ///
  /// - Throws: `FileError.cannotWrite`.
  package func write(_ bytes: [UInt8]) throws(FileError) {
    let before = try? status(of: descriptor)
    do {
      try writeAll(bytes, to: descriptor, name: path)
    } catch {
      // There is no other writer. A device has no length to truncate to.
      if let before, before.isRegularFile { _ = ftruncate(descriptor, before.st_size) }
      throw error
    }
  }

  /// Waits until all lines are on disk.
  ///
  /// - Throws: `FileError.cannotWrite`.
  package func sync() throws(FileError) {
    // A device or pipe cannot be synced and says EINVAL.
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw .cannotWrite(path: path, reason: SystemError(code: errno).reason)
    }
  }
}

/// Whether something is at a path.
package func fileExists(path: String) -> Bool { unsafe access(path, F_OK) == 0 }

/// Whether a folder, or a link to one, is at a path.
package func isFolder(path: String) -> Bool { (try? status(at: path))?.isFolder ?? false }

/// Creates a folder and its missing parents.
///
/// - Throws: `FileError.cannotCreate`, which names the folder that could not be created.
package func makeFolder(path: String) throws(FileError) {
  var made = path.hasPrefix("/") ? "/" : ""
  for part in path.split(separator: "/") {
    made += part
    if unsafe mkdir(made, 0o755) != 0 {
      let error = SystemError(code: errno)
      let found = try? status(at: made)
      guard found?.isFolder == true else {
        throw .cannotCreate(path: made, reason: found == nil ? error.reason : "a file is in its place")
      }
    } else {
      // A parent folder that cannot be opened, but holds a new one, cannot be synced.
      try? syncFolder(path: WriteTarget.folder(of: made))
    }
    made += "/"
  }
}
