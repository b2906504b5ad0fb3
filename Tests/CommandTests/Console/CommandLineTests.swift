import ArgumentParser
import Foundation
import Testing
import retnet

@Suite struct CommandLineTests {
  @Test func versionIsAResult() throws {
    let run = try runBinary(["--version"])
    #expect(run.status == 0)
    #expect(run.text.hasPrefix("retnet "))
    #expect(run.text.split(separator: "\n").count > 1)
    #expect(run.talk.isEmpty)
  }

  @Test(arguments: [["--help"], ["-h"], []])
  func helpIsAResult(_ arguments: [String]) throws {
    let run = try runBinary(arguments)
    #expect(run.status == 0)
    #expect(run.text.contains("USAGE: retnet"))
    #expect(run.talk.isEmpty)
  }

  @Test func unknownFlagIsWrongUsageWithSuggestion() throws {
    let run = try runBinary(["--versoin"])
    #expect(run.status == 64)
    #expect(run.output.isEmpty)
    #expect(run.talk.hasPrefix("error: Unknown option '--versoin'\nhint: did you mean '--version'?\nUsage: retnet"))
  }

  @Test func misspeltFlagsOfTheParserGetASuggestion() {
    #expect(spellingHint(arguments: ["--hepl"], root: Root.self) == "did you mean '--help'?")
    #expect(spellingHint(arguments: ["tokenize", "--hepl"], root: Root.self) == "did you mean '--help'?")
    #expect(spellingHint(arguments: ["train"], root: Root.self) == nil)
    #expect(spellingHint(arguments: [], root: Root.self) == nil)
  }

  @Test(arguments: [
    ("gen -m x", "unknown command 'gen'", "did you mean 'generate'?"),
    ("trian", "unknown command 'trian'", "did you mean 'train'?"),
    ("tokenize pakc -o x", "unknown command 'tokenize pakc'", "did you mean 'pack'?"),
    ("zebra", "unknown command 'zebra'", "'retnet help' lists the commands"),
    ("help nosuch", "unknown command 'nosuch'", "'retnet help' lists the commands"),
    ("help tokenize trian", "unknown command 'tokenize trian'", "did you mean 'train'?"),
    ("help eval nosuch", "unknown command 'eval nosuch'", "'retnet help' lists the commands"),
    ("bench -5", "", "Usage: retnet bench"),
  ])
  func unknownCommandsAreWrongUsage(_ line: String, _ message: String, _ hint: String) throws {
    let run = try runBinary(line.split(separator: " ").map(String.init))
    #expect(run.status == 64 && run.output.isEmpty, "\(run.talk)")
    #expect(run.talk.hasPrefix("error: \(message)") && run.talk.contains(hint), "\(run.talk)")
    #expect(run.talk.contains("\nUsage: retnet"), "\(run.talk)")
  }

  @Test(arguments: [["--help"], ["--version"]])
  func endsQuietlyWhenTheReaderGoesAway(_ arguments: [String]) throws {
    let run = try runBinary(arguments, output: .closedPipe)
    #expect(run.status == 0)
    #expect(run.talk.isEmpty)
  }

  @Test func fullDiskOnStandardOutputIsAnInputOutputError() throws {
    let run = try runBinary(["--version"], output: .file("/dev/full"))
    #expect(run.status == 74)
    #expect(run.talk == "error: standard output: cannot write: No space left on device\n")
  }

  @Test func coloursOnlyWhenAskedForInAPipe() throws {
    #expect(try runBinary(["--nonsense"], environment: ["TERM": "xterm"]).talk.hasPrefix("error: "))
    #expect(try runBinary(["--color", "on", "--nonsense"]).talk.hasPrefix("\u{1B}[1;31merror:"))
    #expect(try runBinary(["--color=off", "--nonsense"]).talk.hasPrefix("error: "))
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func writesCompletions(_ shell: String) throws {
    let run = try runBinary(["--generate-completion-script", shell])
    #expect(run.status == 0)
    #expect(run.text.contains("retnet"))
  }
}

/// A tree of commands for the spelling of their names.
private struct Root: ParsableCommand {
  static let configuration = CommandConfiguration(subcommands: [Train.self, Tokenize.self])

  struct Train: ParsableCommand {}

  struct Tokenize: ParsableCommand {
    static let configuration = CommandConfiguration(subcommands: [Pack.self])
  }

  struct Pack: ParsableCommand {}
}
