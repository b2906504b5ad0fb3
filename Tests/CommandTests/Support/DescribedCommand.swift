import Foundation
import Testing

/// A command without others below it, as the program describes itself to tools.
struct DescribedCommand: CustomTestStringConvertible, Sendable {
  /// An option with a value, or an argument without a name.
  struct Value: Sendable {
    /// As they are typed; empty for an argument.
    let names: [String]
    /// The longest name, or what help calls the argument.
    let name: String
    let completesFiles: Bool
    let completesWords: Bool
  }

  /// The words that name it.
  let words: [String]
  let values: [Value]

  var testDescription: String { words.joined(separator: " ") }

  /// All commands.
  static func all() throws -> [DescribedCommand] {
    let dump = try JSONSerialization.jsonObject(with: runBinary(["--experimental-dump-help"]).output)
    let root = try #require((dump as? [String: Any])?["command"] as? [String: Any])
    return try leaves(of: root, below: [])
  }

  private static func leaves(of command: [String: Any], below words: [String]) throws -> [DescribedCommand] {
    let inner = (command["subcommands"] as? [[String: Any]] ?? []).filter { $0["commandName"] as? String != "help" }
    if !inner.isEmpty {
      return try inner.flatMap { try leaves(of: $0, below: words + [try #require($0["commandName"] as? String)]) }
    }
    let arguments = try #require(command["arguments"] as? [[String: Any]])
    return [DescribedCommand(words: words, values: arguments.compactMap(value))]
  }

  private static func value(_ argument: [String: Any]) -> Value? {
    guard let kind = argument["kind"] as? String, kind != "flag" else { return nil }
    let names = (argument["names"] as? [[String: String]] ?? []).map { name in
      (name["kind"] == "long" ? "--" : "-") + (name["name"] ?? "")
    }
    let completion = argument["completionKind"] as? [String: Any] ?? [:]
    return Value(
      names: names, name: names.max { $0.count < $1.count } ?? argument["valueName"] as? String ?? "",
      completesFiles: completion["file"] != nil || completion["directory"] != nil,
      completesWords: completion["list"] != nil)
  }
}
