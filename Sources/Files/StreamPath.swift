internal import Glibc

/// Tells which paths stand for a stream: `-`, the system's names of standard input and output, and pipes.
package enum StreamPath {
  /// Standard input for reading, standard output for writing.
  package static let dash = "-"

  /// Whether reading the path reads standard input.
  package static func isStandardInput(_ path: String) -> Bool {
    [dash, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].contains(path)
  }

  /// Whether writing to the path writes to standard output.
  package static func isStandardOutput(_ path: String) -> Bool {
    [dash, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].contains(path)
  }

  /// The name of an input path in messages.
  package static func inputName(_ path: String) -> String { path == dash ? "standard input" : path }

  /// The name of an output path in messages.
  package static func outputName(_ path: String) -> String { path == dash ? "standard output" : path }

  /// Whether the input can be read only once and in order: `-`, a pipe or a socket.
  package static func isStream(_ path: String) -> Bool {
    path == dash || (try? status(at: path)).map { $0.isPipe } ?? false
  }
}
