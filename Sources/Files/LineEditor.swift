internal import CLineEditor
internal import Glibc

/// Reads lines typed at the terminal, with arrow keys, history, paste and UTF-8 (libedit, through `CLineEditor`).
///
/// The prompt is on standard error. SIGINT, SIGTERM and SIGHUP end a read; `StopSignals` tells which one it was.
@safe package final class LineEditor {
  /// What the user did at the prompt.
  package enum Outcome: Equatable {
    /// A line, without the newline at its end; pasted text may have newlines inside.
    case line(String)
    /// A signal arrived.
    case signal(isLineEmpty: Bool)
    /// Ctrl-D on an empty line, or the terminal is gone.
    case end
  }

  private let editor: OpaquePointer

  /// Starts handling signals, and prepares the terminal of standard input.
  ///
  /// - Throws: `FileError.cannotRead` when the terminal cannot be used.
  package init() throws(FileError) {
    StopSignals.listen()
    guard let made = unsafe le_create("retnet", StopSignals.wakeDescriptor) else {
      throw .cannotRead(path: "standard input", reason: "the terminal cannot be used")
    }
    unsafe editor = made
  }

  deinit { unsafe le_free(editor) }

  /// Whether a user can type here and see what they type.
  package static var isPossible: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

  /// Reads a line.
  ///
  /// - Parameter prompt: The prompt, in ASCII.
  /// - Returns: What the user did.
  package func read(prompt: String) -> Outcome {
    unsafe prompt.withCString { prompt in
      var text: UnsafePointer<CChar>?
      var count = 0
      switch unsafe le_read(editor, prompt, &text, &count) {
      case le_line:
        let bytes = unsafe UnsafeRawBufferPointer(start: text, count: count)
        return .line(unsafe String(decoding: bytes, as: UTF8.self))
      case le_woken: return .signal(isLineEmpty: false)
      case le_woken_empty: return .signal(isLineEmpty: true)
      default: return .end
      }
    }
  }
}
