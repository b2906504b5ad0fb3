internal import Glibc

/// Identifies the file that a path leads to: equal for all links to one file and all spellings of its path.
///
/// A file that does not exist yet is identified by its folder and its name.
package struct FileIdentity: Hashable, Sendable {
  private let device: UInt
  private let number: UInt
  /// The name of a file that does not exist yet; device and inode are then those of its folder.
  private let name: String?

  /// The identity of what would be read or replaced at a path.
  ///
  /// - Parameter path: A path. The result is `nil` for devices and pipes, and where no file can exist.
  package init?(path: String) {
    guard !path.isEmpty, !path.utf8.contains(0) else { return nil }
    if let found = try? status(at: path) {
      self.init(found)
      return
    }
    let target = linkTarget(path)
    guard let folder = try? status(at: WriteTarget.folder(of: target)), folder.isFolder else { return nil }
    self.init(folder, name: target.split(separator: "/").last.map { String($0) })
  }

  private init?(_ status: stat, name: String? = nil) {
    guard status.isRegularFile || status.isFolder else { return nil }
    (device, number) = (UInt(status.st_dev), UInt(status.st_ino))
    self.name = name
  }

  /// The file that standard input is redirected from, or nil.
  package static var standardInput: FileIdentity? { (try? status(of: STDIN_FILENO)).flatMap { FileIdentity($0) } }

  /// The file that standard output is redirected to, or nil.
  package static var standardOutput: FileIdentity? { (try? status(of: STDOUT_FILENO)).flatMap { FileIdentity($0) } }
}

/// The target of the symbolic links at the end of a path, even if nothing exists there yet.
func linkTarget(_ path: String) -> String {
  var path = path
  // The system follows at most this many links.
  for _ in 0..<40 {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path, &buffer, buffer.count)
    // A target that is not UTF-8 would be turned into another file's name.
    guard count > 0,
      let target = String(validating: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    else { break }
    path = target.hasPrefix("/") ? target : WriteTarget.folder(of: path) + "/" + target
  }
  return path
}

/// Makes a path absolute, so that it leads to the same file from any working directory.
///
/// - Parameter path: Relative to the working directory, or absolute.
/// - Returns: The absolute path; unchanged if the working directory is gone or its name is not UTF-8.
package func absolutePath(_ path: String) -> String {
  guard !path.isEmpty, !path.hasPrefix("/"), let folder = unsafe getcwd(nil, 0) else { return path }
  defer { unsafe free(folder) }
  guard let start = unsafe String(validatingCString: folder) else { return path }
  return (start.hasSuffix("/") ? start : start + "/") + path
}
