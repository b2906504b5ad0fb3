import Foundation
import Testing

/// docs/CLI.md against what the program says of itself.
@Suite struct CommandLineDocumentTests {
  static let commands = [
    "tokenize train", "tokenize encode", "tokenize decode", "tokenize pack", "tokenize import", "tokenize export",
    "tokenize stats", "train", "eval",
    "generate", "serve", "state info", "state fork", "state undo", "state diff", "convert", "info", "verify",
    "bench train",
    "bench generate", "paper",
  ]
  /// Commands that only have others below them.
  static let groups = ["tokenize", "state", "bench"]

  private let sections: [String: String]

  init() throws {
    let text = try String(contentsOf: projectFolder.appendingPathComponent("docs/CLI.md"), encoding: .utf8)
    var sections: [String: String] = [:]
    for section in text.components(separatedBy: "\n## ").dropFirst() {
      let title = section.prefix { $0 != "\n" }
      sections[String(title)] = String(section.dropFirst(title.count))
    }
    self.sections = sections
  }

  /// The flags that the first cells of the tables name.
  private func documentedFlags(_ section: String) throws -> Set<String> {
    let rows = try #require(sections[section]).split(separator: "\n").filter { $0.hasPrefix("| `-") }
    return Set(rows.flatMap { flags($0.split(separator: " | ")[0]) })
  }

  /// The flags that begin a line of the help.
  private func flagsOfHelp(_ text: String) -> Set<String> {
    let lines = text.split(separator: "\n").filter { $0.hasPrefix("  -") }
    return Set(lines.flatMap { flags($0.dropFirst(2).split(separator: "  ")[0]) })
  }

  private func flags(_ text: some StringProtocol) -> [String] {
    String(text).matches(of: /(?:^|[ ,\/`])(--?[a-z][a-z-]*)/).map { String($0.output.1) }
  }

  @Test func everyCommandHasItsSection() throws {
    let commands = try ([""] + Self.groups).flatMap { group in
      let run = try runBinary(["help"] + (group.isEmpty ? [] : [group]))
      let list = try #require(run.text.components(separatedBy: "SUBCOMMANDS:\n").last)
      let names = list.split(separator: "\n").filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
      return names.compactMap { $0.split(separator: " ").first }.map { group.isEmpty ? "\($0)" : "\(group) \($0)" }
    }
    let leaves = commands.filter { !Self.groups.contains($0) && !$0.hasSuffix("See") }
    #expect(Set(leaves) == Set(Self.commands))
    #expect(Set(sections.keys) == Set(leaves + ["Everywhere"]))
  }

  @Test(arguments: commands)
  func flagsAreThoseOfTheHelp(_ command: String) throws {
    let run = try runBinary(["help"] + command.split(separator: " ").map(String.init))
    #expect(run.status == 0)
    #expect(flagsOfHelp(run.text) == (try documentedFlags(command)).union(try documentedFlags("Everywhere")))
  }

  @Test(arguments: commands)
  func helpBeginsWithTwoExamples(_ command: String) throws {
    let run = try runBinary(["help"] + command.split(separator: " ").map(String.init))
    let examples = try #require(run.text.components(separatedBy: "\nExamples:\n").last)
    let words = examples.components(separatedBy: "\n\n")[0].split { $0 == " " || $0 == "\n" }.joined(separator: " ")
    #expect(words.ranges(of: "retnet \(command) ").count >= 2)
  }
}
