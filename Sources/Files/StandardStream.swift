internal import Glibc

/// Standard output (results) or standard error (talk), written at once and without a buffer.
package enum StandardStream {
  case output
  case error

  /// Writes text as UTF-8, all of it.
  ///
  /// - Parameter text: Any text; no newline is added.
  /// - Throws: `FileError.closedPipe` if the reader has gone, `.cannotWrite` for all else.
  package func write(_ text: String) throws(FileError) {
    try write(Array(text.utf8))
  }

  /// Writes bytes as they are.
  ///
  /// - Parameter bytes: Any number of bytes.
  /// - Throws: `FileError.closedPipe` if the reader has gone, `.cannotWrite` for all else.
  package func write(_ bytes: [UInt8]) throws(FileError) {
    try writeAll(bytes, to: descriptor, name: name)
  }

  /// Notices a reader that has gone although there is nothing to write yet.
  ///
  /// - Throws: `FileError.closedPipe` if the stream is a pipe that nobody reads any more.
  package func checkReader() throws(FileError) {
    // A pipe says by itself that its reader has gone.
    var place = pollfd(fd: descriptor, events: 0, revents: 0)
    if unsafe poll(&place, 1, 0) > 0, place.revents & Int16(POLLERR) != 0 { throw .closedPipe(name: name) }
  }

  /// Whether a terminal shows what is written.
  package var isTerminal: Bool { isatty(descriptor) == 1 }

  /// Makes writing to a closed pipe, or beyond the size of a file that is allowed (`ulimit -f`), an error instead of the
  /// end of the process; called once, at the start.
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
///   - descriptor: Open for writing; signals and full pipes are waited out.
///   - name: What an error calls the descriptor.
/// - Throws: `FileError.closedPipe` if the reader has gone, or the terminal; `.cannotWrite` for all else.
package func writeAll(_ bytes: [UInt8], to descriptor: Int32, name: String) throws(FileError) {
  do {
    try bytes.withRawSpan { (bytes) throws(SystemError) in try writeAll(bytes, to: descriptor) }
  } catch {
    // What is written to a terminal that was closed is an error of input and output.
    let isTerminalGone = error.code == EIO && (try? status(of: descriptor))?.isCharacterDevice == true
    throw error.code == EPIPE || isTerminalGone
      ? .closedPipe(name: name) : .cannotWrite(path: name, reason: error.reason)
  }
}
