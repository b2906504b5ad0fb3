internal import Glibc

/// Paths that stand for a stream: `-`, the names that the system gives standard input and output, pipes.
package enum StreamPath {
  /// Standard input where something is read, standard output where something is written.
  package static let dash = "-"

  /// Whether reading the path reads standard input.
  package static func isStandardInput(_ path: String) -> Bool {
    [dash, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].contains(path)
  }

  /// Whether writing to the path writes to standard output.
  package static func isStandardOutput(_ path: String) -> Bool {
    [dash, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].contains(path)
  }

  /// What messages call a path that is read.
  package static func inputName(_ path: String) -> String { path == dash ? "standard input" : path }

  /// What messages call a path that is written.
  package static func outputName(_ path: String) -> String { path == dash ? "standard output" : path }

  /// Whether what is read there comes once and in order: `-`, a pipe or a socket.
  package static func isStream(_ path: String) -> Bool {
    path == dash || (try? status(at: path)).map { $0.isPipe } ?? false
  }
}
