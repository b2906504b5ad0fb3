package import ArgumentParser
internal import Checkpoints
internal import Configurations
internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Tasks
internal import Tokenization

/// Converts the error that ended a command into text on standard error and the exit status of the process.
///
/// This is the only place where that happens. Each line of the error starts with `error:`; a hint follows, if there is
/// one. Help and version, which the argument parser throws too, go to standard output.
package func report(_ error: any Error, arguments: [String] = CommandLine.arguments) -> Int32 {
  if case FileError.stopped = error { return StopSignals.exitStatus }
  if let failure = CommandError(error) {
    if failure.status != .done { failure.print(color: requestedColor(arguments)) }
    if failure.status == .usage { StandardStream.error.say(usage(of: arguments)) }
    return failure.status.rawValue
  }
  let code = RootCommand.exitCode(for: error)
  if error is ExitCode { return code.rawValue }
  if code.isSuccess {
    let text = RootCommand.fullMessage(for: error)
    // Help starts like this; a completion script must not be changed.
    let isHelp = ["OVERVIEW: ", "USAGE: "].contains { text.hasPrefix($0) }
    let lines = isHelp ? text.wrapped(to: StandardStream.output.lineWidth) : text
    do { try StandardStream.output.write(lines + "\n") } catch { return report(error) }
    return code.rawValue
  }
  if code == .validationFailure {
    // The parser puts each of many possible values on its own line; an error is one line.
    let lines = RootCommand.message(for: error).split(separator: "\n")
    let words = lines.dropFirst().map { $0.drop { " -".contains($0) } }.joined(separator: ", ")
    let message = (lines.first ?? "") + (words.isEmpty ? "" : " " + words)
    let usage = RootCommand.fullMessage(for: error).split(separator: "\n").dropFirst(lines.count)
      .joined(separator: "\n")
    let hint = spellingHint(arguments: arguments.dropFirst(), root: RootCommand.self)
    CommandError(.usage, String(message), hint: hint).print(color: requestedColor(arguments))
    StandardStream.error.say(usage)
    return ExitStatus.usage.rawValue
  }
  CommandError(.bug, "unexpected: \(error)", hint: "this is a bug in retnet; please report it with the command line")
    .print(color: requestedColor(arguments))
  return ExitStatus.bug.rawValue
}

/// An error as shown to the user: exit status, message and hint.
///
/// Commands throw it for problems that they find themselves: files that do not belong together, or an option that does
/// not fit a file. The errors of the modules are converted to it for display.
package struct CommandError: Error {
  let status: ExitStatus
  let message: String
  let hint: String?

  init(_ status: ExitStatus, _ message: String, hint: String? = nil) {
    self.status = status
    self.message = message
    self.hint = hint
  }

  /// Converts an error of a module; nil for any other error.
  init?(_ error: any Error) {
    switch error {
    case let error as ConfigurationError: self.init(.badConfiguration, error.description)
    case let error as FileError: self.init(error)
    case CheckpointError.file(let error): self.init(error)
    case CheckpointError.noWeights: self.init(.inputMissing, "\(error)")
    case let error as CheckpointError: self.init(.badData, error.description, hint: error.hint)
    case let error as ModelFileError: self.init(.badData, error.description, hint: error.hint)
    case let error as StateFileError: self.init(.badData, error.description, hint: error.hint)
    case TokenChoiceError.nothingLeft: self.init(.usage, "\(error)", hint: "forbid fewer tokens with --logit-bias")
    case TokenChoiceError.notFinite: self.init(.badData, "\(error)")
    case TokenizerError.invalidSetting: self.init(.usage, "\(error)")
    case let error as TokenizerError: self.init(.badData, error.description, hint: error.hint)
    case let error as CorpusError: self.init(.badData, error.description, hint: error.hint)
    case TaskError.template: self.init(.badConfiguration, "\(error)")
    case TaskError.tooFewExamples:
      self.init(.badData, "\(error)", hint: "use a smaller --num-fewshot, or a file with more rows")
    case let error as TaskError: self.init(.badData, error.description)
    case let error as EvaluationProgressError:
      self.init(.badData, error.description, hint: "remove the file to start the evaluation again")
    case let error as CommandError: self = error
    default: return nil
    }
  }

  /// The status depends on what happened to the file. A closed pipe is not a failure.
  private init(_ error: FileError) {
    let status: ExitStatus =
      switch error {
      case .closedPipe: .done
      case .missing, .notAFile, .isStream, .noFiles: .inputMissing
      case .cannotRead, .cannotWrite, .stopped: .inputOutput
      case .noMemory: .badConfiguration
      case .cannotCreate, .inUse: .cannotCreate
      case .tooLarge, .unexpectedKind, .damagedArchive: .badData
      }
    self.init(status, status == .done ? "" : error.description, hint: error.hint)
  }

  fileprivate func print(color: ColorMode) {
    let (red, reset) = color.isColorful(.error) ? ("\u{1B}[1;31m", "\u{1B}[0m") : ("", "")
    for line in message.split(separator: "\n") { StandardStream.error.say("\(red)error:\(reset) \(line)") }
    if let hint { StandardStream.error.say("hint: \(hint)") }
  }
}

/// The `--color` of the command line, found even if the rest cannot be parsed.
private func requestedColor(_ arguments: [String]) -> ColorMode {
  for (index, argument) in arguments.enumerated() {
    if argument == "--color", index + 1 < arguments.count { return ColorMode(rawValue: arguments[index + 1]) ?? .auto }
    if argument.hasPrefix("--color=") { return ColorMode(rawValue: String(argument.dropFirst(8))) ?? .auto }
  }
  return .auto
}

/// The usage lines of the command in the arguments, as the argument parser prints them for its own errors.
private func usage(of arguments: [String]) -> String {
  var (command, names): (any ParsableCommand.Type, [String]) = (RootCommand.self, ["retnet"])
  for word in arguments.dropFirst() {
    guard let next = command.configuration.subcommands.first(where: { $0._commandName == word }) else { break }
    (command, names) = (next, names + [word])
  }
  return """
    Usage: \(RootCommand.usageString(for: command))
      See '\(names.joined(separator: " ")) --help' for more information.
    """
}

/// "Did you mean" for the flags that the argument parser itself adds, for which it makes no suggestions.
package func spellingHint(arguments: ArraySlice<String>, root: any ParsableCommand.Type) -> String? {
  guard let word = arguments.first else { return nil }
  let commands = root.configuration.subcommands
  if let command = commands.first(where: { $0._commandName == word }) {
    return spellingHint(arguments: arguments.dropFirst(), root: command)
  }
  guard word.hasPrefix("--") else { return nil }
  return closestMatch(to: word, among: ["--help", "--version"]).map { "did you mean '\($0)'?" }
}

/// "Did you mean" for a command: one that starts with the word, or one with a similar spelling.
func commandHint(_ word: String, among commands: [any ParsableCommand.Type]) -> String? {
  let names = commands.map { $0._commandName }
  let begun = names.filter { $0.hasPrefix(word) }
  let match = begun.count == 1 ? begun.first : closestMatch(to: word, among: names)
  return match.map { "did you mean '\($0)'?" }
}

/// Collects independent errors, so that they are reported together.
struct CommandErrors {
  private var errors: [any Error] = []

  /// The body's result; nil if it throws, and the error is collected.
  mutating func catching<Result>(_ body: () throws -> Result) -> Result? {
    do { return try body() } catch {
      errors.append(error)
      return nil
    }
  }

  /// Throws if errors were collected.
  ///
  /// - Throws: The only error, or one with the lines of all and the status of the first.
  func throwAll() throws {
    guard let first = errors.first else { return }
    let known = errors.compactMap { CommandError($0) }
    guard errors.count > 1, known.count == errors.count else { throw first }
    throw CommandError(
      known[0].status, known.map(\.message).joined(separator: "\n"), hint: known.compactMap(\.hint).first)
  }
}
