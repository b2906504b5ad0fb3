internal import ArgumentParser
internal import Files

/// The files that a command reads and writes: checked before anything is written, so that no output destroys what is
/// read, or another output.
///
/// Files are the same by device and inode, so links and other spellings are found out, and also where nothing is there
/// yet. Devices and pipes hold nothing and may be named as often as wanted; standard input only once.
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
  /// What is wrong, in the order in which it was found.
  private var problems: [String] = []

  /// Adds files that are read.
  ///
  /// - Parameters:
  ///   - name: Of the flag or argument.
  ///   - paths: A path, `-`, or a folder.
  /// - Returns: With them.
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

  /// Adds a file that is read, if it is given.
  func reading(_ name: String, _ path: String?) -> CommandFiles { reading(name, path.map { [$0] } ?? []) }

  /// Adds standard input, which a flag reads without naming it.
  func readingStandardInput(_ name: String, if isRead: Bool) -> CommandFiles {
    isRead ? reading(name, StreamPath.dash) : self
  }

  /// Adds a file that is replaced, if it is given.
  ///
  /// - Parameters:
  ///   - name: Of the flag.
  ///   - path: A path, or `-`.
  ///   - input: The name of the input that it may replace, which is then read before.
  /// - Returns: With it.
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

  /// Adds a folder that files are written to, if it is given.
  func writingFolder(_ name: String, _ path: String?) -> CommandFiles {
    guard let path else { return self }
    var files = self
    files.noteEmpty(name, path)
    if path == StreamPath.dash {
      files.problems.append("\(name): expected a folder, found '-', which is standard output")
    }
    return files
  }

  /// Says that standard output has something else to take.
  ///
  /// - Parameter content: What that is: `the text`; nil: nothing.
  /// - Returns: With it.
  func printing(_ content: String?) -> CommandFiles {
    guard let content else { return self }
    var files = self
    for name in standardOutput {
      files.problems.append("\(name): expected a file, as standard output has \(content), found standard output")
    }
    return files
  }

  /// What is wrong first, in a line; nil: nothing.
  private var problem: String? {
    if let problem = problems.first { return problem }
    guard standardInput.count > 1 else { return nil }
    let others = standardInput[0] == standardInput[1] ? "twice" : "for \(standardInput[0]), too"
    return "\(standardInput[1]): expected standard input once, found it \(others)"
  }

  /// Refuses what is wrong, as wrong usage.
  ///
  /// - Throws: `ValidationError`.
  func check() throws {
    if let problem { throw ValidationError(problem) }
  }

  /// Refuses what is wrong once the command runs: what it reads besides is known only then.
  ///
  /// - Parameter hint: What to do.
  /// - Throws: `CommandError`.
  func checkLate(hint: String? = nil) throws {
    if let problem { throw CommandError(.usage, problem, hint: hint) }
  }

  private mutating func noteEmpty(_ name: String, _ path: String) {
    if path.isEmpty { problems.append("\(name): expected a path, found an empty one") }
  }
}
