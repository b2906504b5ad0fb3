internal import Configurations

/// A slash command at the prompt of `generate -i`.
enum ConversationCommand: Equatable {
  case save(String)
  case load(String)
  /// The number of tokens to undo; nil: the last line and its continuation.
  case undo(Int?)
  /// nil: show the temperature.
  case temperature(Double?)
  case reset
  case help
  case quit

  /// The commands with their descriptions, as /help shows them.
  static let list = [
    ("/save FILE", "write the state: everything read and generated so far, in a file of constant size"),
    ("/load FILE", "resume from such a file"),
    ("/undo [N]", "undo the last N tokens; without N, the last line and its continuation"),
    ("/temp [T]", "set the temperature (0: the most likely token), or show it"),
    ("/reset", "forget everything that was read"),
    ("/help", "show this list"),
    ("/quit", "end, as Ctrl-D does"),
  ]

  /// Parses a line that starts with a slash.
  ///
  /// - Throws: `CommandError` for an unknown command or an invalid argument.
  init(_ line: String) throws(CommandError) {
    let words = line.split(separator: " ", maxSplits: 1)
    let name = words.first.map(String.init) ?? ""
    let argument = (words.count > 1 ? String(words[1]) : "").trimmed
    let isEmpty = argument.isEmpty
    func expected(_ what: String) -> CommandError {
      CommandError(.usage, "\(name): expected \(what), found \(isEmpty ? "none" : "'\(argument)'")")
    }
    switch name {
    case "/save":
      if isEmpty { throw expected("a file") }
      self = .save(argument)
    case "/load":
      if isEmpty { throw expected("a file") }
      self = .load(argument)
    case "/undo":
      let count = Int(argument)
      if !isEmpty, count == nil || count ?? 0 < 1 { throw expected("a number of tokens, at least 1") }
      self = .undo(count)
    case "/temp":
      let temperature = Double(argument)
      if !isEmpty, !(temperature.map { $0 >= 0 && $0.isFinite } ?? false) { throw expected("a number ≥ 0") }
      self = .temperature(temperature)
    case "/reset", "/help", "/quit", "/exit":
      if !isEmpty { throw expected("nothing after it") }
      self = name == "/reset" ? .reset : name == "/help" ? .help : .quit
    default:
      let names = Self.list.map { String($0.0.prefix { $0 != " " }) }
      let match = closestMatch(to: name, among: names).map { "did you mean '\($0)'?" }
      throw CommandError(
        .usage, "unknown command '\(name)'",
        hint: match ?? "/help lists the commands; a text that starts with a slash needs two")
    }
  }
}

extension String {
  fileprivate var trimmed: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    while text.first == " " { text.removeFirst() }
    return String(text)
  }
}
