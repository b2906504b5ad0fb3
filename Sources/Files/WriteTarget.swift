internal import Glibc

/// Where the bytes of an `AtomicFile` are written before it is committed.
enum WriteTarget {
  /// A temporary file that will be renamed over another path of the same folder.
  case temporary(path: String, final: String)
  /// A device or pipe, written directly.
  case direct

  var isTemporary: Bool {
    if case .temporary = self { true } else { false }
  }

  private static let namePrefix = ".retnet-"
  private static let nameSuffix = ".partial"

  /// Whether a name is the name of such a temporary file.
  static func isTemporaryName(_ name: String) -> Bool { name.hasPrefix(namePrefix) && name.hasSuffix(nameSuffix) }

  /// Opens the file to write so that the path holds the bytes after the commit.
  static func open(_ path: String) throws(SystemError) -> (WriteTarget, descriptor: Int32) {
    // A C string would end at the zero byte and name another file.
    guard !path.isEmpty, !path.utf8.contains(0) else { throw SystemError(code: ENOENT) }
    if path == StreamPath.dash {
      let descriptor = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
      guard descriptor >= 0 else { throw SystemError(code: errno) }
      return (.direct, descriptor)
    }
    let existing = try status(at: path)
    if existing?.isFolder == true { throw SystemError(code: EISDIR) }
    if namesOpenDescriptor(path) || existing?.isRegularFile == false {
      // Appending keeps what a redirection has collected before: `retnet … >> log`.
      return (.direct, try openDescriptor(path, O_WRONLY | O_APPEND))
    }
    let final = linkTarget(path)
    while true {
      let name = namePrefix + String(UInt64.random(in: 0...UInt64.max), radix: 16) + nameSuffix
      let temporary = folder(of: final) + "/" + name
      do throws(SystemError) {
        let descriptor = try openDescriptor(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
        TemporaryNames.add(temporary)
        // Not every file system has permissions; the file is ours in any case.
        if let existing { _ = fchmod(descriptor, existing.st_mode & 0o777) }
        return (.temporary(path: temporary, final: final), descriptor)
      } catch {
        guard error.code == EEXIST else { throw error }
      }
    }
  }

  /// Renames the temporary file to its final path, and syncs the folder.
  func rename() throws(SystemError) {
    guard case .temporary(let path, let final) = self else { return }
    guard unsafe Glibc.rename(path, final) == 0 else { throw SystemError(code: errno) }
    TemporaryNames.remove(path)
    try syncFolder(path: Self.folder(of: final))
  }

  /// Removes the temporary file, if it still exists.
  func remove() {
    guard case .temporary(let path, _) = self else { return }
    _ = unsafe unlink(path)
    TemporaryNames.remove(path)
  }

  /// The folder part of a path: `.` for a bare name.
  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  // Such a path may lead to a regular file (redirected stdout), which must not be replaced by renaming.
  private static func namesOpenDescriptor(_ path: String) -> Bool {
    path == "/dev/stdout" || path == "/dev/stderr" || path.hasPrefix("/dev/fd/") || path.hasPrefix("/proc/")
  }
}
