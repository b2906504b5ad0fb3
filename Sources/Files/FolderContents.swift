internal import Glibc

/// The sorted names of a folder's entries.
///
/// - Parameter path: A folder.
/// - Returns: Sorted names, including hidden ones; empty if the folder does not exist.
/// - Throws: `FileError.cannotRead`.
package func namesInFolder(path: String) throws(FileError) -> [String] {
  guard let folder = unsafe opendir(path) else {
    if errno == ENOENT || errno == ENOTDIR { return [] }
    throw .cannotRead(path: path, reason: SystemError(code: errno).reason)
  }
  defer { unsafe closedir(folder) }
  var names: [String] = []
  errno = 0
  while let entry = unsafe readdir(folder) {
    let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name != "." && name != ".." { names.append(name) }
  }
  guard errno == 0 else { throw .cannotRead(path: path, reason: SystemError(code: errno).reason) }
  return names.sorted()
}

/// Removes a file; succeeds if it does not exist.
///
/// - Throws: `FileError.cannotWrite`.
package func removeFile(path: String) throws(FileError) {
  guard unsafe unlink(path) == 0 || errno == ENOENT else {
    throw .cannotWrite(path: path, reason: SystemError(code: errno).reason)
  }
}

extension AtomicFile {
  /// Removes the temporary files that killed processes have left in a folder.
  ///
  /// - Parameter folder: A folder that nobody else is writing to.
  /// - Throws: `FileError`.
  package static func removeLeftovers(inFolder folder: String) throws(FileError) {
    for name in try namesInFolder(path: folder) where WriteTarget.isTemporaryName(name) {
      try removeFile(path: folder + "/" + name)
    }
  }
}
