internal import ArgumentParser
internal import Files

/// Checks the files that a command reads and writes before anything is written. No output may replace an input or
/// another output.
///
/// Files are compared by device and inode, which detects links and other spellings. This also works for files that do
/// not exist yet. Devices and pipes may be named any number of times; standard input only once.
///
/// ```swift
/// func validate() throws {
///   try CommandFiles().reading("--model", model).reading("--input", input).writing("--output", output).check()
/// }
/// ```
struct CommandFiles {
  private struct Input {
    let name: String
    let identity: FileIdentity?
  }

  private struct Output {
    let name: String
    let identity: FileIdentity?
  }

  private var inputs: [Input] = []
  private var outputs: [Output] = []
  private var standardInput: [String] = []
  private var standardOutput: [String] = []
  /// The problems, in the order in which they were found.
  private var problems: [String] = []

  /// Adds files that are read.
  ///
  /// - Parameters:
  ///   - name: The name of the flag or argument.
  ///   - paths: A path, `-`, or a folder.
  /// - Returns: A copy with these files added.
  func reading(_ name: String, _ paths: [String]) -> CommandFiles {
    var files = self
    for path in paths {
      files.noteEmpty(name, path)
      if StreamPath.isStandardInput(path) { files.standardInput.append(name) }
      let identity = path == StreamPath.dash ? FileIdentity.standardInput : FileIdentity(path: path)
      files.inputs.append(Input(name: name, identity: identity))
    }
    return files
  }

  /// Adds a file that is read, if given.
  func reading(_ name: String, _ path: String?) -> CommandFiles { reading(name, path.map { [$0] } ?? []) }

  /// Adds standard input, which a flag reads without naming it.
  func readingStandardInput(_ name: String, if isRead: Bool) -> CommandFiles {
    isRead ? reading(name, StreamPath.dash) : self
  }

  /// Adds a file that is replaced, if given.
  ///
  /// - Parameters:
  ///   - name: The name of the flag.
  ///   - path: A path, or `-`.
  ///   - input: The name of an input that it may replace, because that is read first.
  /// - Returns: A copy with the file added.
  func writing(_ name: String, _ path: String?, over input: String? = nil) -> CommandFiles {
    guard let path else { return self }
    var files = self
    files.noteEmpty(name, path)
    if StreamPath.isStandardOutput(path) {
      if let other = standardOutput.last {
        files.problems.append("\(name): expected another output than \(other), found standard output for both")
      } else if StandardStream.output.isTerminal {
        files.problems.append("\(name): expected a file, or a pipe behind standard output, found a terminal")
      }
      files.standardOutput.append(name)
    }
    let identity = path == StreamPath.dash ? FileIdentity.standardOutput : FileIdentity(path: path)
    if let identity {
      let others =
        inputs.filter { $0.identity == identity && $0.name != input }.map(\.name)
        + outputs.filter { $0.identity == identity }.map(\.name)
      if let other = others.first {
        files.problems.append("\(name): expected another file than \(other), found the same, '\(path)'")
      }
    }
    files.outputs.append(Output(name: name, identity: identity))
    return files
  }

  /// Adds a folder that files are written to, if given.
  func writingFolder(_ name: String, _ path: String?) -> CommandFiles {
    guard let path else { return self }
    var files = self
    files.noteEmpty(name, path)
    if path == StreamPath.dash {
      files.problems.append("\(name): expected a folder, found '-', which is standard output")
    }
    return files
  }

  /// States that standard output is used for something else.
  ///
  /// - Parameter content: A description, such as `the text`; nil: nothing.
  /// - Returns: A copy with this stated.
  func printing(_ content: String?) -> CommandFiles {
    guard let content else { return self }
    var files = self
    for name in standardOutput {
      files.problems.append("\(name): expected a file, as standard output has \(content), found standard output")
    }
    return files
  }

  /// The first problem in one line; nil if there is none.
  private var problem: String? {
    if let problem = problems.first { return problem }
    guard standardInput.count > 1 else { return nil }
    let others = standardInput[0] == standardInput[1] ? "twice" : "also for \(standardInput[0])"
    return "\(standardInput[1]): expected standard input once, found it \(others)"
  }

  /// Throws the first problem as wrong usage.
  ///
  /// - Throws: `ValidationError`.
  func check() throws {
    if let problem { throw ValidationError(problem) }
  }

  /// Throws the first problem while the command runs; some inputs are known only then.
  ///
  /// - Parameter hint: A suggested next step.
  /// - Throws: `CommandError`.
  func checkLate(hint: String? = nil) throws {
    if let problem { throw CommandError(.usage, problem, hint: hint) }
  }

  private mutating func noteEmpty(_ name: String, _ path: String) {
    if path.isEmpty { problems.append("\(name): expected a path, found an empty one") }
  }
}
