internal import Glibc

extension MappedFile {
  /// Maps the input at a path, even if it is standard input (`-`) or a pipe.
  ///
  /// A stream is first copied to its end into an unnamed temporary file in `$TMPDIR`, or else in `/tmp`. So its length
  /// is limited by the disk space there, not by memory.
  ///
  /// - Parameter path: A regular file, a pipe, or `-`.
  /// - Throws: `FileError.missing`, `.notAFile`, `.cannotRead`, and `.cannotCreate` or `.cannotWrite` for the copy.
  package convenience init(reading path: String) throws(FileError) {
    guard StreamPath.isStream(path) else {
      try self.init(path: path)
      return
    }
    let name = StreamPath.inputName(path)
    if path == StreamPath.dash, let status = try? status(of: STDIN_FILENO), status.isRegularFile,
      lseek(STDIN_FILENO, 0, SEEK_CUR) == 0
    {
      try self.init(descriptor: STDIN_FILENO, name: name)
      return
    }
    let copy = try copyOfStream(path)
    defer { close(copy) }
    try self.init(descriptor: copy, name: name)
  }
}

/// Copies a stream into a temporary file that has been unlinked.
///
/// - Returns: The descriptor of the file, for the caller to close.
private func copyOfStream(_ path: String) throws(FileError) -> Int32 {
  let reader = try BlockReader(path: path)
  let folder = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
  let copy = "\(folder)/retnet-\(getpid())-\(String(UInt64.random(in: 0...UInt64.max), radix: 16))"
  let descriptor: Int32
  do {
    descriptor = try openDescriptor(copy, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
  } catch {
    throw .cannotCreate(path: copy, reason: error.reason)
  }
  _ = unsafe unlink(copy)
  do {
    while let block = try reader.next() { try writeAll(block, to: descriptor, name: "copy of \(path) in \(folder)") }
  } catch {
    close(descriptor)
    throw error
  }
  return descriptor
}
