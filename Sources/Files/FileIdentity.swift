internal import Glibc

/// Which file a path leads to, whatever the path is called: equal for links to one file and other spellings of its path.
///
/// A file that is not there yet is known by its folder and its name.
package struct FileIdentity: Hashable, Sendable {
  private let device: UInt
  private let number: UInt
  /// Of a file that is not there yet; device and number are those of its folder.
  private let name: String?

  /// What is read or replaced at a path.
  ///
  /// - Parameter path: `nil` is the result for devices and pipes, which hold nothing, and where no file can be.
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

  /// The file that standard input is read from; nil if it is none.
  package static var standardInput: FileIdentity? { (try? status(of: STDIN_FILENO)).flatMap { FileIdentity($0) } }

  /// The file that standard output goes to; nil if it is none.
  package static var standardOutput: FileIdentity? { (try? status(of: STDOUT_FILENO)).flatMap { FileIdentity($0) } }
}

/// Where a path leads by the links at its end, also where nothing is there yet.
func linkTarget(_ path: String) -> String {
  var path = path
  // As many as the system follows.
  for _ in 0..<40 {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path, &buffer, buffer.count)
    // Another name than the file's would be made of a target that is not UTF-8.
    guard count > 0,
      let target = String(validating: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    else { break }
    path = target.hasPrefix("/") ? target : WriteTarget.folder(of: path) + "/" + target
  }
  return path
}

/// A path that leads to the same file from any working folder.
///
/// - Parameter path: Relative to the working folder, or absolute.
/// - Returns: The path below the working folder; as it is where that folder is gone, or its name is not UTF-8.
package func absolutePath(_ path: String) -> String {
  guard !path.isEmpty, !path.hasPrefix("/"), let folder = unsafe getcwd(nil, 0) else { return path }
  defer { unsafe free(folder) }
  guard let start = unsafe String(validatingCString: folder) else { return path }
  return (start.hasSuffix("/") ? start : start + "/") + path
}
