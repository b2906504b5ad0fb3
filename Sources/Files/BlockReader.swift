internal import Glibc

/// Reads a file, a pipe or standard input in blocks, however long it is.
@safe package final class BlockReader {
  /// The name in messages.
  let name: String
  let descriptor: Int32
  /// How many bytes there were to read when a regular file was opened; nil for anything else.
  let byteCount: Int?
  private let stopsAtSignals: Bool
  private var block: [UInt8]

  /// Opens the source.
  ///
  /// - Parameters:
  ///   - path: A path, or `-` for standard input.
  ///   - blockLength: Bytes to read at a time, ≥ 1.
  ///   - stopsAtSignals: Whether `next` throws `FileError.stopped` instead of waiting after a handled signal. A pipe is
  ///     then opened without waiting for its writer.
  /// - Throws: `FileError.missing`, `.notAFile` (a folder) or `.cannotRead`.
  package init(path: String, blockLength: Int = 1 << 16, stopsAtSignals: Bool = false) throws(FileError) {
    let isStandardInput = path == StreamPath.dash
    let name = StreamPath.inputName(path)
    let flags = stopsAtSignals ? O_RDONLY | O_NONBLOCK : O_RDONLY
    (descriptor, byteCount) = try FileError.reading(name) { () throws(SystemError) -> (Int32, Int?)? in
      let descriptor = isStandardInput ? STDIN_FILENO : try openDescriptor(path, flags)
      let status = try status(of: descriptor)
      guard !status.isFolder else {
        if !isStandardInput { close(descriptor) }
        return nil
      }
      // Standard input may have been read before, by another process.
      return (descriptor, status.isRegularFile ? max(0, status.st_size - lseek(descriptor, 0, SEEK_CUR)) : nil)
    }
    self.name = name
    self.stopsAtSignals = stopsAtSignals
    block = [UInt8](repeating: 0, count: blockLength)
  }

  deinit { if descriptor != STDIN_FILENO { close(descriptor) } }

  /// Waits until there is something to read, or the end. False if a signal came first, where signals are handled.
  package func waitForInput() -> Bool {
    while StopSignals.received == nil {
      var places = [
        pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: StopSignals.wakeDescriptor, events: Int16(POLLIN), revents: 0),
      ]
      if unsafe poll(&places, nfds_t(places.count), -1) > 0, places[1].revents == 0 { return true }
    }
    return false
  }

  /// The next bytes; nil at the end.
  ///
  /// - Throws: `FileError.cannotRead`, `.stopped`.
  package func next() throws(FileError) -> [UInt8]? {
    if stopsAtSignals, !waitForInput() { throw .stopped(path: name) }
    return try FileError.reading(name) { () throws(SystemError) -> [UInt8]? in
      let count = try readSome(descriptor, into: &block)
      return Array(block[..<count])
    }.nilIfEmpty
  }
}

/// Reads at least one byte. Retries after interruptions, and waits if the descriptor is non-blocking.
///
/// - Parameters:
///   - descriptor: Open for reading.
///   - block: The destination; not empty.
/// - Returns: The number of bytes read; 0 at the end.
/// - Throws: The system's error.
func readSome(_ descriptor: Int32, into block: inout [UInt8]) throws(SystemError) -> Int {
  while true {
    let count = unsafe block.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    if count >= 0 { return count }
    if errno == EAGAIN {
      var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      _ = unsafe poll(&request, 1, -1)
    } else if errno != EINTR {
      throw SystemError(code: errno)
    }
  }
}

extension [UInt8] {
  fileprivate var nilIfEmpty: [UInt8]? { isEmpty ? nil : self }
}
