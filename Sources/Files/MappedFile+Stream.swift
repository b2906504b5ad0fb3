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
    let reader = try BlockReader(path: path)
    let copy = try copyOfStream(name) { () throws(FileError) in try reader.next() }
    defer { close(copy) }
    try self.init(descriptor: copy, name: name)
  }

  /// Maps what a source gives, from its first byte on.
  ///
  /// A stream, and what was decompressed, is first copied as above.
  ///
  /// - Parameter source: A source of which at most the beginning was looked at; it is used up.
  /// - Throws: The errors of `init(reading:)` and of the source.
  package convenience init(_ source: ByteSource) throws(FileError) {
    let descriptor = source.reader.descriptor
    if let byteCount = source.byteCount, try source.isPlain(), (try? status(of: descriptor))?.st_size == byteCount {
      try self.init(descriptor: descriptor, name: source.name)
      return
    }
    let copy = try copyOfStream(source.name) { () throws(FileError) in try source.next() }
    defer { close(copy) }
    try self.init(descriptor: copy, name: source.name)
  }
}

/// Copies blocks into a temporary file that has been unlinked.
///
/// - Returns: The descriptor of the file, for the caller to close.
private func copyOfStream(_ name: String, _ next: () throws(FileError) -> [UInt8]?) throws(FileError) -> Int32 {
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
    while let block = try next() { try writeAll(block, to: descriptor, name: "copy of \(name) in \(folder)") }
  } catch {
    close(descriptor)
    throw error
  }
  return descriptor
}
