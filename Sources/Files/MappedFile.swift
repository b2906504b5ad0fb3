internal import Glibc

/// A regular file mapped into memory for reading.
///
/// Opening reads nothing: pages are loaded when they are touched. If another program shortens the file while it is
/// mapped, this process ends (`MappingFaults`); replacing it by renaming is safe. A training run must not end like
/// that, so it uses a `RandomAccessFile`.
@safe
package final class MappedFile: @unchecked Sendable {
  // Sendable holds: both stored values are constants, the pages are read-only and private, and they stay mapped until
  // the last reference is gone.

  /// The path as it was given.
  package let path: String
  private let bytes: UnsafeRawBufferPointer
  /// The registration with `MappingFaults`; nil for an empty file.
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

  /// Maps a file that is already open.
  ///
  /// - Parameters:
  ///   - descriptor: Open for reading; the mapping does not need it.
  ///   - name: The value for `path`.
  /// - Throws: The errors of `init(path:)`.
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

  /// Passes a range of the file, or all of it, to a closure.
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

  /// Passes a range to a closure that needs it once: its memory is given back after the call.
  ///
  /// Without that, the pages of a large file would count as this process's memory until the file is closed. The range
  /// can be read again; the kernel keeps the pages as long as it has room.
  ///
  /// - Parameters:
  ///   - range: Byte positions in the file.
  ///   - body: Reads the bytes; it cannot keep them.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  /// - Precondition: The range lies within the file.
  package func withBytesOnce<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { giveBack(range) }
    return try withBytes(range, body)
  }

  /// Gives back the whole pages in a range.
  private func giveBack(_ range: Range<Int>) {
    let page = Int(getpagesize())
    let (start, end) = ((range.lowerBound + page - 1) / page * page, range.upperBound / page * page)
    guard start < end, let address = unsafe bytes.baseAddress else { return }
    unsafe madvise(UnsafeMutableRawPointer(mutating: address + start), end - start, MADV_DONTNEED)
  }

  /// Passes the bytes of a range, or of the whole file, to a closure as a span.
  ///
  /// - Parameters:
  ///   - range: Byte positions; nil means the whole file.
  ///   - body: Receives the bytes.
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
  /// - Returns: The bytes of the range.
  /// - Precondition: The range lies within the file.
  package func copyBytes(_ range: Range<Int>) -> [UInt8] {
    withBytes(range) { Array(copying: $0) }
  }
}

extension FileError {
  /// Runs system calls that read a path and converts their errors to a `FileError`; nil means: not a regular file.
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
