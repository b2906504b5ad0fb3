internal import Glibc

/// A regular file read at any position by system calls, so that a later failure is an error. With a `MappedFile` it
/// would end the process.
@safe package final class RandomAccessFile: Sendable {
  /// The path as it was given.
  package let path: String
  /// The length of the file in bytes when it was opened.
  package let byteCount: Int
  /// -1 if the file is mapped instead.
  private let descriptor: Int32
  private let mapped: MappedFile?

  /// Opens the file at a path.
  ///
  /// - Parameter path: A regular file, or a link to one; it may be empty.
  /// - Throws: `FileError.missing`, `.notAFile`, `.isStream` or `.cannotRead`.
  package init(path: String) throws(FileError) {
    // Standard input may be something else when the run is resumed.
    if StreamPath.isStream(path) || StreamPath.isStandardInput(path) {
      throw .isStream(path: StreamPath.inputName(path))
    }
    self.path = path
    mapped = nil
    (descriptor, byteCount) = try FileError.reading(path) { () throws(SystemError) -> (Int32, Int)? in
      // Opening a pipe without O_NONBLOCK would wait for a writer.
      let descriptor = try openDescriptor(path, O_RDONLY | O_NONBLOCK)
      do throws(SystemError) {
        let status = try status(of: descriptor)
        if status.isRegularFile { return (descriptor, status.st_size) }
      } catch {
        close(descriptor)
        throw error
      }
      close(descriptor)
      return nil
    }
  }

  /// Reads from a file that is already mapped, for instance a stream; if it becomes shorter, the process ends.
  package init(_ file: MappedFile) {
    (path, byteCount, descriptor, mapped) = (file.path, file.byteCount, -1, file)
  }

  deinit { if mapped == nil { close(descriptor) } }

  /// Passes a copy of a range of the file to a closure.
  ///
  /// - Parameters:
  ///   - range: Byte positions in the file.
  ///   - body: Reads the bytes; it cannot keep them.
  /// - Returns: What `body` returns.
  /// - Throws: `FileError.cannotRead`, also if the file has become shorter.
  /// - Precondition: The range lies within the file as it was opened.
  package func withSpan<Result>(_ range: Range<Int>, _ body: (Span<UInt8>) -> Result) throws(FileError) -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "\(path): \(range) outside 0..<\(byteCount)")
    if let mapped { return mapped.withSpan(range, body) }
    return try unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(1, range.count)) {
      (block) throws(FileError) -> Result in
      var count = 0
      while count < range.count {
        let room = unsafe UnsafeMutableBufferPointer(rebasing: block[count..<range.count])
        let read = unsafe pread(descriptor, room.baseAddress, room.count, range.lowerBound + count)
        if read == 0 { throw .cannotRead(path: path, reason: FileError.becameShorter) }
        if read < 0, errno != EINTR { throw .cannotRead(path: path, reason: SystemError(code: errno).reason) }
        count += max(0, read)
      }
      return unsafe body(UnsafeBufferPointer(rebasing: block[..<range.count]).span)
    }
  }

  /// Copies a range of the file.
  ///
  /// - Parameter range: Byte positions in the file.
  /// - Returns: The bytes of the range.
  /// - Throws: The errors of `withSpan`.
  /// - Precondition: The range lies within the file as it was opened.
  package func copyBytes(_ range: Range<Int>) throws(FileError) -> [UInt8] {
    try withSpan(range) { unsafe [UInt8](copying: $0.bytes) }
  }
}
