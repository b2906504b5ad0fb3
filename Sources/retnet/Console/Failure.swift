package import ArgumentParser
internal import Checkpoints
internal import Configurations
internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Tokenization

/// Turns the error that ended a command into text on standard error and into the exit status of the process.
///
/// This is the only place where that happens. Each line of the error's text begins with `error:`; a hint follows, if
/// one is known. Help and version, which the argument parser throws too, go to standard output.
package func report(_ error: any Error, arguments: [String] = CommandLine.arguments) -> Int32 {
  if let failure = CommandError(error) {
    if failure.status != .done { failure.print(color: requestedColor(arguments)) }
    if failure.status == .usage { StandardStream.error.say(usage(of: arguments)) }
    return failure.status.rawValue
  }
  let code = RootCommand.exitCode(for: error)
  if error is ExitCode { return code.rawValue }
  if code.isSuccess {
    let text = RootCommand.fullMessage(for: error)
    // Help begins so; a completion script must stay as it is.
    let isHelp = ["OVERVIEW: ", "USAGE: "].contains { text.hasPrefix($0) }
    let lines = isHelp ? text.wrapped(to: StandardStream.output.lineWidth) : text
    do { try StandardStream.output.write(lines + "\n") } catch { return report(error) }
    return code.rawValue
  }
  if code == .validationFailure {
    // The parser lists many words that a value can have below each other; an error is one line.
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

/// A failure as the user sees it.
///
/// Commands throw it for what they find themselves: files that do not belong together, an option that does not fit the
/// file. The errors of the modules become one when they are told.
package struct CommandError: Error {
  let status: ExitStatus
  let message: String
  let hint: String?

  init(_ status: ExitStatus, _ message: String, hint: String? = nil) {
    self.status = status
    self.message = message
    self.hint = hint
  }

  /// The errors of the modules, one line for each type; nil for an error that is none of them.
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
    case let error as CommandError: self = error
    default: return nil
    }
  }

  /// Where a file is missing, refused or full decides the status; a reader that went away is no failure.
  private init(_ error: FileError) {
    let status: ExitStatus =
      switch error {
      case .closedPipe: .done
      case .missing, .notAFile, .isStream: .inputMissing
      case .cannotRead, .cannotWrite: .inputOutput
      case .noMemory: .badConfiguration
      case .cannotCreate, .inUse: .cannotCreate
      case .tooLarge, .unexpectedKind: .badData
      }
    self.init(status, status == .done ? "" : error.description, hint: error.hint)
  }

  fileprivate func print(color: ColorMode) {
    let (red, reset) = color.isColorful(.error) ? ("\u{1B}[1;31m", "\u{1B}[0m") : ("", "")
    for line in message.split(separator: "\n") { StandardStream.error.say("\(red)error:\(reset) \(line)") }
    if let hint { StandardStream.error.say("hint: \(hint)") }
  }
}

/// The `--color` of the command line, found even where the rest of it does not parse.
private func requestedColor(_ arguments: [String]) -> ColorMode {
  for (index, argument) in arguments.enumerated() {
    if argument == "--color", index + 1 < arguments.count { return ColorMode(rawValue: arguments[index + 1]) ?? .auto }
    if argument.hasPrefix("--color=") { return ColorMode(rawValue: String(argument.dropFirst(8))) ?? .auto }
  }
  return .auto
}

/// How the command is used that the arguments name, as the argument parser says it of its own errors.
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

/// "Did you mean" for the flags that the argument parser itself adds, which it does not suggest.
package func spellingHint(arguments: ArraySlice<String>, root: any ParsableCommand.Type) -> String? {
  guard let word = arguments.first else { return nil }
  let commands = root.configuration.subcommands
  if let command = commands.first(where: { $0._commandName == word }) {
    return spellingHint(arguments: arguments.dropFirst(), root: command)
  }
  guard word.hasPrefix("--") else { return nil }
  return closestMatch(to: word, among: ["--help", "--version"]).map { "did you mean '\($0)'?" }
}

/// "Did you mean" for a command: one that begins so, or one that is spelt nearly so.
func commandHint(_ word: String, among commands: [any ParsableCommand.Type]) -> String? {
  let names = commands.map { $0._commandName }
  let begun = names.filter { $0.hasPrefix(word) }
  let match = begun.count == 1 ? begun.first : closestMatch(to: word, among: names)
  return match.map { "did you mean '\($0)'?" }
}

/// Errors that do not depend on each other, collected to be told together.
struct CommandErrors {
  private var errors: [any Error] = []

  /// The body's result, or nil if it throws, which is kept.
  mutating func catching<Result>(_ body: () throws -> Result) -> Result? {
    do { return try body() } catch {
      errors.append(error)
      return nil
    }
  }

  /// Ends the command if there are errors.
  ///
  /// - Throws: The only error, or one of all their lines with the status of the first.
  func throwAll() throws {
    guard let first = errors.first else { return }
    let known = errors.compactMap { CommandError($0) }
    guard errors.count > 1, known.count == errors.count else { throw first }
    throw CommandError(
      known[0].status, known.map(\.message).joined(separator: "\n"), hint: known.compactMap(\.hint).first)
  }
}
