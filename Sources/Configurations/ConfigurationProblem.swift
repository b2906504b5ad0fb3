/// One error in a configuration.
package struct ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
  /// Where the setting was written.
  package let location: ConfigurationLocation
  /// The key with its block (`training.learning_rate`), or nil if the whole file is meant.
  package let key: String?
  /// What was expected and what was found.
  package let message: String

  /// A problem to report.
  package init(location: ConfigurationLocation, key: String?, message: String) {
    self.location = location
    self.key = key
    self.message = message
  }

  /// One line: `configs/x.yaml:3:5: key 'model.width': expected an integer ≥ 1, found text 'wide'`.
  package var description: String {
    [location.described, key.map { "key \(quotedForMessage($0))" }, message].compactMap(\.self)
      .joined(separator: ": ")
  }
}

/// Where a setting was written: a file with line and column, or a command-line flag.
package struct ConfigurationLocation: Sendable, Hashable {
  /// The file's path as the user gave it, or the flag (`--set`).
  package let path: String
  /// Line, counted from 1.
  package let line: Int?
  /// Column in characters, counted from 1.
  package let column: Int?

  /// A place in a file, or a whole file or flag if there is no line and column.
  package init(path: String, line: Int? = nil, column: Int? = nil) {
    self.path = path
    self.line = line
    self.column = column
  }

  /// `path:line:column`, as editors understand it.
  package var described: String {
    [path, line.map { String($0) }, column.map { String($0) }].compactMap(\.self).joined(separator: ":")
  }
}

/// One setting: the key's name within its block, the value, and where it was written.
package struct ConfigurationSetting: Sendable, Equatable {
  /// The key's name without its block.
  package let name: String
  /// The value as found.
  package let value: ConfigurationValue
  /// Where the setting was written.
  package let location: ConfigurationLocation

  /// A setting to be applied.
  package init(name: String, value: ConfigurationValue, location: ConfigurationLocation) {
    self.name = name
    self.value = value
    self.location = location
  }
}

/// All errors in a configuration, found in one pass.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// The problems, in the order in which the user meets them; never empty.
  package let problems: [ConfigurationProblem]

  /// An error that reports the problems together.
  package init(problems: [ConfigurationProblem]) {
    precondition(!problems.isEmpty, "ConfigurationError: no problems to report")
    self.problems = problems
  }

  /// One problem per line.
  package var description: String { problems.map(\.description).joined(separator: "\n") }

}
