internal import Glibc

/// A file that appears at its path complete, or not at all.
///
/// Bytes go to a hidden temporary file in the same folder; `commit` syncs it and renames it over the path. Without
/// `commit`, the temporary file is removed and an old file stays as it was. Devices and pipes (`/dev/null`,
/// `/dev/stdout`) cannot be replaced and are written directly; `-` is standard output. No folder is created.
///
/// ```swift
/// let file = try AtomicFile(replacing: "notes.txt")
/// try file.write(Array("done\n".utf8))
/// try file.commit()
/// ```
package final class AtomicFile {
  /// The path as it was given, or what messages call standard output.
  package let path: String
  private let target: WriteTarget
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  private static let bufferByteCount = 1 << 18

  /// Opens a temporary file next to the path.
  ///
  /// A replaced file keeps its permissions; a new one gets 0644, restricted by the umask. A symbolic link is followed,
  /// and its target is replaced or created.
  ///
  /// - Parameter path: Where the file will appear, in an existing folder; or `-`.
  /// - Throws: `FileError.cannotCreate`.
  package init(replacing path: String) throws(FileError) {
    self.path = StreamPath.outputName(path)
    do {
      (target, descriptor) = try WriteTarget.open(path)
    } catch {
      let folder = WriteTarget.folder(of: path)
      let isFolderMissing = unsafe access(folder, F_OK) != 0 && error.code == ENOENT
      throw .cannotCreate(path: path, reason: isFolderMissing ? "the folder '\(folder)' does not exist" : error.reason)
    }
  }

  deinit { discard() }

  /// Writes a whole file.
  ///
  /// - Parameters:
  ///   - bytes: All that it holds.
  ///   - path: Where it appears.
  /// - Throws: `FileError`; the path is then as it was.
  package static func write(_ bytes: [UInt8], replacing path: String) throws(FileError) {
    let file = try AtomicFile(replacing: path)
    try file.write(bytes)
    try file.commit()
  }

  /// Appends bytes; short pieces are buffered.
  ///
  /// - Parameter bytes: Any number of bytes.
  /// - Throws: `FileError.cannotWrite` or `.closedPipe`; the temporary file is then gone.
  /// - Precondition: Neither committed nor discarded.
  package func write(_ bytes: RawSpan) throws(FileError) {
    precondition(isOpen, "\(path): write after commit, discard or an error")
    if buffer.count + bytes.byteCount > Self.bufferByteCount { try flush() }
    guard bytes.byteCount <= Self.bufferByteCount else { return try writeThrough(bytes) }
    unsafe bytes.withUnsafeBytes { unsafe buffer.append(contentsOf: $0) }
  }

  /// Appends bytes; short pieces are buffered.
  ///
  /// - Parameter bytes: Any number of bytes.
  /// - Throws: `FileError.cannotWrite` or `.closedPipe`; the temporary file is then gone.
  /// - Precondition: Neither committed nor discarded.
  package func write(_ bytes: [UInt8]) throws(FileError) {
    try bytes.withRawSpan(write)
  }

  /// Makes the file appear at its path: flushes, syncs the file, renames it, syncs the folder.
  ///
  /// - Throws: `FileError.cannotWrite` or `.closedPipe`; the temporary file is then gone.
  /// - Precondition: Neither committed nor discarded.
  package func commit() throws(FileError) {
    precondition(isOpen, "\(path): commit after commit, discard or an error")
    try flush()
    do throws(SystemError) {
      if target.isTemporary, fsync(descriptor) != 0 { throw SystemError(code: errno) }
      // Network file systems report a full disk only here. The descriptor is closed either way.
      let result = close(descriptor)
      descriptor = -1
      guard result == 0 || errno == EINTR else { throw SystemError(code: errno) }
      try target.rename()
    } catch {
      throw fail(error)
    }
  }

  /// Removes the temporary file and leaves the path as it was; does nothing after `commit`.
  package func discard() {
    guard isOpen else { return }
    close(descriptor)
    descriptor = -1
    target.remove()
  }

  private var isOpen: Bool { descriptor >= 0 }

  private func flush() throws(FileError) {
    try buffer.withRawSpan(writeThrough)
    buffer.removeAll(keepingCapacity: true)
  }

  private func writeThrough(_ bytes: RawSpan) throws(FileError) {
    do {
      try writeAll(bytes, to: descriptor)
    } catch {
      throw fail(error)
    }
  }

  private func fail(_ error: SystemError) -> FileError {
    if isOpen { close(descriptor) }
    descriptor = -1
    target.remove()
    return error.code == EPIPE ? .closedPipe(name: path) : .cannotWrite(path: path, reason: error.reason)
  }
}
