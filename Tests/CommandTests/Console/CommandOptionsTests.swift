import Foundation
import TestSupport
import Testing

/// Claims about every option of every command, so that a new one cannot fall behind.
@Suite struct CommandOptionsTests {
  private let commands: [DescribedCommand]

  init() throws { commands = try DescribedCommand.all() }

  @Test func thereAreTheCommandsOfTheDocument() {
    #expect(Set(commands.map(\.testDescription)) == Set(CommandLineDocumentTests.commands))
  }

  /// Values that are numbers or texts, for which a shell has nothing to offer.
  private static let freeValues: Set = [
    "--batch", "--beams", "--cache-memory", "--character-coverage", "--chat-field", "--chunk-length", "--compare-keys",
    "--completion-field", "--cors-origin", "--depth", "--drain-time", "--embedding-name", "--fail-above",
    "--fewshot-seed", "--frequency-penalty",
    "--head-name", "--host", "--idle-timeout", "--jsonl-field", "--length", "--limit", "--logit-bias", "--logprobs",
    "--max-body", "--max-bytes",
    "--max-completion-tokens", "--max-connections", "--max-increase", "--max-prompt-tokens", "--max-queue",
    "--max-states", "--model-name", "--parallel", "--port", "--write-timeout", "--max-shard-size", "--max-slowdown",
    "--max-steps", "--max-time", "--max-tokens", "--min-p",
    "--nbest", "--new-tokens", "--num-fewshot", "--num-heads", "--num-samples", "--pattern", "--presence-penalty",
    "--prompt", "--prompt-field", "--prompt-ids", "--prompt-tokens", "--repeat-last-n", "--repeat-penalty",
    "--repetitions", "--sample", "--seed", "--seeds", "--sequence-length", "--set", "--stop", "--stride", "--sweep",
    "--system", "--tasks",
    "--temperature", "--threads", "--tolerance", "--top-k", "--top-p", "--typical", "--undo-window",
    "--user-defined-symbols", "--validation-fraction", "--vocab-size", "--window", "count",
  ]

  @Test func everyOtherValueIsCompleted() {
    for command in commands {
      for value in command.values {
        let isCompleted = value.completesFiles || value.completesWords
        #expect(isCompleted != Self.freeValues.contains(value.name), "\(command.testDescription) \(value.name)")
      }
    }
  }

  /// What a benchmark needs to end before it measures anything.
  private static func guarded(_ command: DescribedCommand, _ words: [String]) -> [String] {
    let missing = ["bench": ["--compare", "no-such-file"], "paper": ["--text", "no-such-file"]]
    return command.words + (missing[command.words[0]] ?? []) + words
  }

  /// A minus before a number never hides it from its option: what is wrong is the number, or what else is missing.
  @Test func negativeNumbersAreValues() throws {
    for command in commands {
      for name in command.values.compactMap(\.names.first) {
        let talk = try runBinary(Self.guarded(command, [name, "-1"])).talk
        let line = talk.split(separator: "\n").first ?? ""
        for riddle in ["Missing value for", "Unknown option", "Unexpected argument"] {
          #expect(!line.contains(riddle), "\(command.testDescription) \(name) -1: \(talk)")
        }
      }
    }
  }

  @Test func theValueOfAShortOptionMayFollowAtOnce() throws {
    for command in commands {
      for name in command.values.flatMap(\.names) where name.count == 2 {
        let (apart, joined) = (
          try runBinary(Self.guarded(command, [name, "3"])), try runBinary(Self.guarded(command, ["\(name)3"]))
        )
        #expect(joined.talk == apart.talk && joined.status == apart.status, "\(command.testDescription) \(name)")
      }
    }
  }

  @Test func aValueThatIsNoneIsToldInOneLineWithUsage() throws {
    for command in commands {
      for value in command.values where Self.freeValues.contains(value.name) || value.completesWords {
        // A benchmark takes any text for a key, which its configuration then refuses with another status.
        guard let name = value.names.last, name != "--set" else { continue }
        let run = try runBinary(Self.guarded(command, ["\(name)=\u{1}"]))
        let lines = run.talk.split(separator: "\n")
        #expect(run.status == 64, "\(command.testDescription) \(name): \(run.talk)")
        #expect(lines.first?.hasPrefix("error: ") == true && lines.dropFirst().allSatisfy { !$0.hasPrefix("error: ") })
        #expect(lines.contains { $0.hasPrefix("Usage: retnet \(command.testDescription)") }, "\(run.talk)")
        #expect(lines.last == "  See 'retnet \(command.testDescription) --help' for more information.", "\(run.talk)")
      }
    }
  }

  /// Ranges are told by the value that was given, not by riddles of the parser.
  @Test(arguments: [
    ("generate -m m --temp -1", "--temp: expected a number ≥ 0, found -1.0"),
    ("generate -m m --temperature -1", "--temp: expected a number ≥ 0, found -1.0"),
    ("generate -m m -n -5", "-n: expected at least 0, or -1 for no limit, found -5"),
    ("generate -m m -n-5", "-n: expected at least 0, or -1 for no limit, found -5"),
    ("generate -m m -n -1 --beams 2", "-n: --beams expects a number of tokens, found -1"),
    ("eval -m m t --chunk-length -1", "--chunk-length: expected 1 to 65536, found -1"),
    ("eval -m m t --fail-above -2", "--fail-above: expected more than 0, found -2.0"),
    ("eval -m m t -t -2", "--threads: expected an integer from 1 to 1024, found -2"),
    ("verify m --length -1", "--length: expected 2 to 65536, found -1"),
    ("verify m --tolerance -1e-3", "--tolerance: expected a number above 0, found -0.001"),
    ("train --config c --max-steps -1", "--max-steps: expected at least 1, found -1"),
    ("train --config c --max-time -5m", "--max-time: expected a time such as 90s, 30m or 1h30m, found '-5m'"),
    ("convert m -o o --num-heads -1", "--num-heads: expected 1 to 1024, found -1"),
    ("tokenize pack -m m --input t -o o --validation-output v --validation-fraction -1", "found -1.0"),
    ("tokenize train --input t -o o --vocab-size -1", "expected "),
    ("tokenize train --input t -o o --vocab-size 300 --seed -1", "The value '-1' is invalid for '--seed <seed>'"),
    ("tokenize train --input t -o o --vocab-size 300 --max-bytes -1", "expected "),
    ("bench train -r -1", "--repetitions: expected 1 to 1000, found -1"),
    ("bench generate -d -1,2", "--depth: expected integers from 0 to 1073741824 such as 1,2, found '-1,2'"),
    ("bench train --compare b --max-slowdown -5%", "found '-5%'"),
    ("state undo s -3 -m m -o o", "tokens: expected at least 1, found -3"),
  ])
  func negativeNumbersAreToldTheirRange(_ line: String, _ message: String) throws {
    let run = try runBinary(line.split(separator: " ").map(String.init))
    #expect(run.status == 64 && run.output.isEmpty, "\(line): \(run.talk)")
    #expect(run.talk.hasPrefix("error: ") && run.talk.contains(message), "\(line): \(run.talk)")
    #expect(run.talk.contains("\nUsage: retnet "), "\(line): \(run.talk)")
  }

  /// In bash, where the words of the command line are C strings.
  @Test func anArgumentThatIsNotUTF8IsNamed() throws {
    try withTemporaryFolder { folder in
      let script = """
        printf 'text' > $'caf\\xe9.txt'
        exec "$0" tokenize encode -m caf\u{E9}.model $'caf\\xe9.txt'
        """
      let run = try runBinary(
        ["-c", script, builtBinary.path], in: folder, program: URL(fileURLWithPath: "/bin/bash"))
      #expect(run.status == 64 && run.output.isEmpty)
      #expect(
        run.talk.hasPrefix(
          "error: argument 5, 'caf\\xE9.txt': expected UTF-8, found other bytes\nhint: rename the file"), "\(run.talk)")
      let named = try runBinary(["tokenize", "encode", "-m", "caf\u{E9}.model", "t"], in: folder)
      #expect(named.status == 66 && named.talk == "error: caf\u{E9}.model: no such file\n", "\(named.talk)")
    }
  }

  /// What bash offers after the words, the last of which is begun.
  private func completions(_ words: [String], in folder: URL) throws -> [String] {
    let script = """
      source <("$0" --generate-completion-script bash)
      COMP_WORDS=(retnet "$@"); COMP_CWORD=$#; COMP_LINE="retnet $*"; COMP_POINT=${#COMP_LINE}
      name=$(complete -p retnet); name=${name##*-F }; name=${name%% *}
      "$name" retnet "${!#}" "${COMP_WORDS[COMP_CWORD-1]}"
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    let run = try runBinary(
      ["-c", script, builtBinary.path] + words, in: folder, program: URL(fileURLWithPath: "/bin/bash"))
    return run.text.split(separator: "\n").map(String.init)
  }

  @Test func bashCompletesFilesAndWords() throws {
    try withTemporaryFolder { folder in
      for name in ["model.safetensors", "moon.txt", "other"] {
        try writeQuickly(Data(), to: folder.appendingPathComponent(name).path)
      }
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent("more"), withIntermediateDirectories: false)
      let files: Set = ["model.safetensors", "moon.txt", "more"]
      for command in commands {
        for value in command.values where value.completesFiles {
          guard let name = value.names.last else { continue }
          let found = Set(try completions(command.words + [name, "mo"], in: folder))
          #expect(found == files || found == ["more"], "\(command.testDescription) \(name): \(found)")
        }
        if let value = command.values.first(where: \.names.isEmpty), value.completesFiles {
          let found = Set(try completions(command.words + ["mo"], in: folder))
          #expect(found == files, "\(command.testDescription): \(found)")
        }
      }
      #expect(try completions(["gen"], in: folder) == ["generate"])
      #expect(try completions(["eval", "--form", "rec"], in: folder) == ["recurrent"])
    }
  }

  @Test(arguments: ["zsh", "fish"])
  func otherShellsCompleteFilesToo(_ shell: String) throws {
    let script = try runBinary(["--generate-completion-script", shell]).text
    let word = shell == "zsh" ? "_files" : "-rF"
    #expect(script.split(separator: "\n").count { $0.contains(word) } >= 30)
  }
}
