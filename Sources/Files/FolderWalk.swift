internal import Glibc

/// The regular files of a folder and of all folders in it, in a stable order.
///
/// The entries of a folder come in the order of the bytes of their names, and a folder's own entries in its place. So
/// the order depends on the names alone. Names that begin with a dot are left out, and so are pipes, sockets and devices.
/// Links are followed, but each folder is walked only once, so that links in a circle end.
///
/// - Parameters:
///   - folder: The path of a folder.
///   - pattern: What the names of files must match, as in a shell: `*.txt`. nil: any name.
///   - failure: Called for a folder that cannot be read and for a link that leads nowhere. It may throw the error.
/// - Returns: Paths that begin with `folder`.
/// - Throws: What `failure` throws.
package func filesBelow(
  folder: String, matching pattern: String? = nil, failure: (FileError) throws -> Void
) throws -> [String] {
  var walk = FolderWalk(pattern: pattern)
  try walk.enter(folder, failure)
  return walk.files
}

private struct FolderWalk {
  let pattern: String?
  private(set) var files: [String] = []
  private var walked: Set<FileIdentity> = []

  init(pattern: String?) { self.pattern = pattern }

  mutating func enter(_ folder: String, _ failure: (FileError) throws -> Void) throws {
    guard let identity = FileIdentity(path: folder), walked.insert(identity).inserted else { return }
    let names: [String]
    do {
      names = try namesInFolder(path: folder)
    } catch {
      try failure(error)
      return
    }
    for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) where !name.hasPrefix(".") {
      let path = folder.hasSuffix("/") ? folder + name : folder + "/" + name
      let found: stat?
      do throws(SystemError) {
        found = try status(at: path)
      } catch {
        if matches(name) { try failure(.cannotRead(path: path, reason: error.reason)) }
        continue
      }
      if let found, found.isFolder {
        try enter(path, failure)
      } else if matches(name) {
        if found == nil { try failure(.missing(path: path)) }
        if found?.isRegularFile == true { files.append(path) }
      }
    }
  }

  private func matches(_ name: String) -> Bool {
    guard let pattern else { return true }
    return unsafe fnmatch(pattern, name, 0) == 0
  }
}

/// The length of a regular file in bytes; nil for anything else.
///
/// - Parameter path: Any path; `-` is standard input.
/// - Returns: A number of bytes, or nil.
package func storedByteCount(path: String) -> Int? {
  guard path != StreamPath.dash else { return (try? status(of: STDIN_FILENO)).flatMap(regularByteCount) }
  return (try? status(at: path)).flatMap(regularByteCount)
}

private func regularByteCount(_ status: stat) -> Int? { status.isRegularFile ? Int(status.st_size) : nil }
