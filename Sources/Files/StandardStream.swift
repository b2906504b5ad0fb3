internal import Glibc

/// Standard output (for results) or standard error (for messages), unbuffered.
package enum StandardStream {
  case output
  case error

  /// Writes all of a text as UTF-8.
  ///
  /// - Parameter text: Any text; no newline is added.
  /// - Throws: `FileError.closedPipe` if the reader is gone, `.cannotWrite` otherwise.
  package func write(_ text: String) throws(FileError) {
    try write(Array(text.utf8))
  }

  /// Writes bytes unchanged.
  ///
  /// - Parameter bytes: Any number of bytes.
  /// - Throws: `FileError.closedPipe` if the reader is gone, `.cannotWrite` otherwise.
  package func write(_ bytes: [UInt8]) throws(FileError) {
    try writeAll(bytes, to: descriptor, name: name)
  }

  /// Detects that the reader is gone although there is nothing to write yet.
  ///
  /// - Throws: `FileError.closedPipe` if the stream is a pipe without a reader.
  package func checkReader() throws(FileError) {
    // A pipe reports by itself that its reader is gone.
    var place = pollfd(fd: descriptor, events: 0, revents: 0)
    if unsafe poll(&place, 1, 0) > 0, place.revents & Int16(POLLERR) != 0 { throw .closedPipe(name: name) }
  }

  /// Whether the stream is a terminal.
  package var isTerminal: Bool { isatty(descriptor) == 1 }

  /// Makes failed writes return an error instead of ending the process. This concerns closed pipes and files beyond the
  /// size limit (`ulimit -f`). Called once, at the start.
  package static func reportFailedWrites() {
    _ = signal(SIGPIPE, SIG_IGN)
    _ = signal(SIGXFSZ, SIG_IGN)
  }

  /// The file descriptor.
  package var descriptor: Int32 {
    switch self {
    case .output: STDOUT_FILENO
    case .error: STDERR_FILENO
    }
  }

  private var name: String {
    switch self {
    case .output: "standard output"
    case .error: "standard error"
    }
  }
}

/// Writes all bytes to an open descriptor.
///
/// - Parameters:
///   - bytes: Any number of bytes.
///   - descriptor: Open for writing; interruptions and full pipes are waited out.
///   - name: The name of the descriptor in errors.
/// - Throws: `FileError.closedPipe` if the reader or the terminal is gone, `.cannotWrite` otherwise.
package func writeAll(_ bytes: [UInt8], to descriptor: Int32, name: String) throws(FileError) {
  do {
    try bytes.withRawSpan { (bytes) throws(SystemError) in try writeAll(bytes, to: descriptor) }
  } catch {
    // Writing to a terminal that was closed is an I/O error.
    let isTerminalGone = error.code == EIO && (try? status(of: descriptor))?.isCharacterDevice == true
    throw error.code == EPIPE || isTerminalGone
      ? .closedPipe(name: name) : .cannotWrite(path: name, reason: error.reason)
  }
}
