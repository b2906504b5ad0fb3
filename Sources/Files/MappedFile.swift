internal import Glibc

/// A regular file mapped into memory for reading.
///
/// Opening costs no reading: pages arrive when they are touched. A file that another program shortens while it is
/// mapped ends this process (`MappingFaults`); files replaced by renaming are safe. What must not end so, a training run,
/// reads a `RandomAccessFile`.
@safe
package final class MappedFile: @unchecked Sendable {
  // Sendable holds: both stored values are constants, the pages are read-only and private, and they stay mapped until
  // the last reference is gone.

  /// The path as it was given.
  package let path: String
  private let bytes: UnsafeRawBufferPointer
  /// What a fault is told by; nil for an empty file.
  private let noted: Int?

  /// The length of the file in bytes when it was opened.
  package var byteCount: Int { unsafe bytes.count }

  /// Maps the file at a path.
  ///
  /// - Parameter path: A regular file, or a link to one; it may be empty.
  /// - Throws: `FileError.missing`, `.notAFile`, `.isStream` or `.cannotRead`.
  package convenience init(path: String) throws(FileError) {
    guard path != StreamPath.dash else { throw .isStream(path: StreamPath.inputName(path)) }
    let descriptor = try FileError.reading(path) { () throws(SystemError) -> Int32? in
      // Opening a pipe without O_NONBLOCK would wait for a writer.
      try openDescriptor(path, O_RDONLY | O_NONBLOCK)
    }
    defer { close(descriptor) }
    try self.init(descriptor: descriptor, name: path)
  }

  /// Maps a file that is open.
  ///
  /// - Parameters:
  ///   - descriptor: Open for reading; the mapping does not need it.
  ///   - name: What `path` says.
  /// - Throws: As `init(path:)` does.
  init(descriptor: Int32, name: String) throws(FileError) {
    path = name
    if (try? status(of: descriptor))?.isPipe == true { throw .isStream(path: name) }
    let bytes = unsafe try FileError.reading(name) { () throws(SystemError) -> UnsafeRawBufferPointer? in
      let status = try status(of: descriptor)
      guard status.isRegularFile else { return nil }
      guard status.st_size > 0 else { return unsafe UnsafeRawBufferPointer(start: nil, count: 0) }
      let address = unsafe mmap(nil, status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0)
      guard unsafe address != MAP_FAILED else { throw SystemError(code: errno, byteCount: status.st_size) }
      return unsafe UnsafeRawBufferPointer(start: address, count: status.st_size)
    }
    unsafe self.bytes = bytes
    noted = unsafe bytes.isEmpty ? nil : MappingFaults.note(bytes, path: name)
  }

  deinit {
    guard let address = unsafe bytes.baseAddress else { return }
    if let noted { MappingFaults.forget(noted) }
    unsafe munmap(UnsafeMutableRawPointer(mutating: address), bytes.count)
  }

  /// Lends a range of the file, or all of it, to a closure.
  ///
  /// - Parameters:
  ///   - range: Byte positions in the file; nil means the whole file.
  ///   - body: Reads the bytes; it cannot keep them.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  /// - Precondition: The range lies within the file.
  package func withBytes<Result, Failure: Error>(
    _ range: Range<Int>? = nil, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let range = range ?? 0..<byteCount
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "\(path): \(range) outside 0..<\(byteCount)")
    return try withExtendedLifetime(self) { () throws(Failure) -> Result in
      try body(unsafe UnsafeRawBufferPointer(rebasing: bytes[range]).bytes)
    }
  }

  /// Lends the bytes of a range, or of the whole file, to a closure, as numbers.
  ///
  /// - Parameters:
  ///   - range: Of bytes; nil means all.
  ///   - body: Gets the bytes.
  /// - Returns: What the body returns.
  /// - Throws: What the body throws.
  package func withSpan<Result, Failure: Error>(
    _ range: Range<Int>? = nil, _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withBytes(range) { (bytes) throws(Failure) in try body(Span(_bytes: bytes)) }
  }

  /// Copies a range of the file.
  ///
  /// - Parameter range: Byte positions in the file.
  /// - Returns: As many bytes as the range is long.
  /// - Precondition: The range lies within the file.
  package func copyBytes(_ range: Range<Int>) -> [UInt8] {
    withBytes(range) { Array(copying: $0) }
  }
}

extension FileError {
  /// Runs system calls that read a path, and says in terms of the path what failed; nil means: not a file.
  static func reading<Value>(_ path: String, _ body: () throws(SystemError) -> Value?) throws(FileError) -> Value {
    let value: Value?
    do {
      value = try body()
    } catch {
      if error.code == ENOMEM, error.byteCount > 0 { throw .noMemory(path: path, byteCount: error.byteCount) }
      throw error.code == ENOENT ? .missing(path: path) : .cannotRead(path: path, reason: error.reason)
    }
    guard let value else { throw .notAFile(path: path) }
    return value
  }
}
