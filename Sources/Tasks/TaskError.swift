/// What is wrong with a task or its rows.
package enum TaskError: Error, Equatable {
  /// A row that the task cannot use.
  case row(path: String, line: Int, reason: String)
  /// A file without rows.
  case noRows(path: String)
  /// Fewer rows than examples are asked for.
  case tooFewExamples(path: String, expected: Int, found: Int)
  /// A template of a user's task that cannot be read.
  case template(key: String, reason: String)
}

extension TaskError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .row(let path, let line, let reason): "\(path): line \(line): \(reason)"
    case .noRows(let path): "\(path): expected rows, found none"
    case .tooFewExamples(let path, let expected, let found):
      "\(path): expected at least \(expected) rows to draw examples from, found \(found)"
    case .template(let key, let reason): "\(key): \(reason)"
    }
  }
}
