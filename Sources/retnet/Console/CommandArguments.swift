package import ArgumentParser
internal import Glibc

/// Prepares the command-line arguments for the argument parser.
///
/// Used alone, the parser would misread some of them: a negative number as an option, an unknown command as an argument
/// of its group, and help for an unknown command as help for the group.
package struct CommandArguments {
  /// The arguments for the parser.
  package let words: [String]

  /// - Parameters:
  ///   - bytes: The arguments, without the program's name.
  ///   - root: The root command.
  /// - Throws: `CommandError` for an argument that is not UTF-8, and for an unknown command.
  package init(_ bytes: [[UInt8]], root: any ParsableCommand.Type) throws {
    let words = try bytes.enumerated().map { index, bytes in
      guard let word = String(validating: bytes, as: UTF8.self) else { throw Self.refusal(bytes, place: index + 1) }
      return word
    }
    try Self.checkCommand(words, root: root)
    self.words = Self.joiningNumbers(words)
  }

  /// A file name may hold any bytes, but messages and reports are text.
  private static func refusal(_ bytes: [UInt8], place: Int) -> CommandError {
    let digits = Array("0123456789ABCDEF")
    var shown = ""
    var rest = bytes[...]
    while !rest.isEmpty {
      // The longest valid character that starts here; an invalid byte is shown in hexadecimal.
      let character = (1...min(4, rest.count)).lazy.compactMap { String(validating: rest.prefix($0), as: UTF8.self) }
        .first
      shown += character ?? "\\x\(digits[Int(rest[rest.startIndex] >> 4)])\(digits[Int(rest[rest.startIndex] & 15)])"
      rest = rest.dropFirst(character?.utf8.count ?? 1)
    }
    let isFile = unsafe access((bytes + [0]).map { CChar(bitPattern: $0) }, F_OK) == 0
    return CommandError(
      .usage, "argument \(place), '\(shown)': expected UTF-8, found other bytes",
      hint: isFile
        ? "rename the file, make a link to it with another name, or read it from standard input"
        : "put the text into a file, which may hold any bytes; or convert it: iconv -t utf-8")
  }

  /// Throws if a word in the place of a command is not a command.
  private static func checkCommand(_ words: [String], root: any ParsableCommand.Type) throws {
    let isHelp = words.first == "help"
    var group = root
    for word in isHelp ? words.dropFirst() : words[...] {
      let commands = group.configuration.subcommands
      guard !word.hasPrefix("-"), isHelp || !commands.isEmpty else { return }
      guard let command = commands.first(where: { $0._commandName == word }) else {
        let name = group == root ? "" : group._commandName + " "
        throw CommandError(
          .usage, "unknown command '\(name)\(word)'",
          hint: commandHint(word, among: commands) ?? "'retnet help' lists the commands")
      }
      group = command
    }
  }

  /// Protects negative numbers that the parser would take for options: ties each to the option before it, or moves it
  /// behind `--`.
  private static func joiningNumbers(_ words: [String]) -> [String] {
    guard words.contains(where: \.isNegativeNumber) else { return words }
    let end = words.firstIndex(of: "--") ?? words.endIndex
    var joined: [String] = []
    var numbers: [String] = []
    for word in words[..<end] {
      guard word.isNegativeNumber else { joined.append(word); continue }
      if let last = joined.last, last.hasPrefix("-"), last != "-", !last.contains("=") {
        joined[joined.count - 1] = "\(last)=\(word)"
      } else {
        numbers.append(word)
      }
    }
    let rest = numbers + words[end...].dropFirst()
    return joined + (rest.isEmpty && end == words.endIndex ? [] : ["--"] + rest)
  }
}

extension String {
  /// Whether the text starts with a minus and a digit, perhaps with a point between them.
  fileprivate var isNegativeNumber: Bool {
    guard hasPrefix("-") else { return false }
    let rest = dropFirst().first == "." ? dropFirst(2) : dropFirst()
    return rest.first.map { "0"..."9" ~= $0 } ?? false
  }
}
