internal import CBuildFacts
package import Files
internal import FoundationEssentials
internal import Glibc

/// The terminal behind a standard stream: its width, and messages wrapped to it.
extension StandardStream {
  /// Whether a line can be rewritten in place.
  package var canRewriteLines: Bool { isTerminal && !Terminal.isDumb }

  /// The columns of the terminal; 80 if unknown.
  package var width: Int {
    var size = winsize()
    guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// The maximum length of lines for people; nil if no terminal shows them.
  var lineWidth: Int? { isTerminal ? width : nil }

  /// Writes a message, wrapped at the terminal's width. A stream that can no longer be written is ignored.
  package func say(_ line: String) { try? write(line.wrapped(to: lineWidth) + "\n") }
}

/// When to use colours.
package enum ColorMode: String, CaseIterable, Sendable {
  /// On a terminal, unless the environment turns it off.
  case auto
  /// Always.
  case on
  /// Never.
  case off

  /// Whether the stream is coloured: `NO_COLOR` (if not empty) and `TERM=dumb` turn `auto` off.
  package func isColorful(_ stream: StandardStream) -> Bool {
    switch self {
    case .on: true
    case .off: false
    case .auto: stream.canRewriteLines && (Terminal.environment["NO_COLOR"] ?? "").isEmpty
    }
  }
}

/// The process's environment, read in one place.
package enum Terminal {
  /// The environment variables.
  package static var environment: [String: String] { ProcessInfo.processInfo.environment }

  /// The commit that was built.
  static var buildCommit: String { unsafe String(cString: rn_build_commit()) }

  /// Whether the terminal understands no control sequences.
  package static var isDumb: Bool { (environment["TERM"] ?? "dumb") == "dumb" }
}
