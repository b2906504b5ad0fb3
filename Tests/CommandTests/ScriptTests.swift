import Foundation
import Testing

@Suite struct ScriptTests {
  private func run(
    _ script: String, _ arguments: [String], in folder: URL? = nil, environment: [String: String] = [:]
  ) throws -> BinaryRun {
    let program = projectFolder.appendingPathComponent("scripts/\(script)")
    return try runBinary(arguments, environment: environment, in: folder, program: program)
  }

  private func write(_ text: String, _ name: String, in folder: URL) throws {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name))
  }

  @Test func passagesOfTheTextPassWithTheirLongestCopiedRun() throws {
    try withTemporaryFolder { folder in
      try write("And God said, Let there\nbe light: and there was light.\n", "text", in: folder)
      try write("And God saw light: Let there be light, and there w\n", "1", in: folder)
      let run = try run("check-passages.sh", ["text", "1"], in: folder)
      // "w" is cut by the end and not counted; of ten words only "saw" is foreign.
      #expect(
        run.text.contains("passage 1: 10 words, 90.0 % of them in the training text, same six words at most 1 times"))
      #expect(run.text.contains("longest run copied: 6 words: Let there be light and there\n"))
      #expect(run.text.contains("not in the training text: saw\n"))
      #expect(run.status == 1)
      try write("And God said light. And there was God.", "2", in: folder)
      #expect(try self.run("check-passages.sh", ["text", "2"], in: folder).status == 0)
    }
  }

  @Test func passagesThatGoInCirclesFail() throws {
    try withTemporaryFolder { folder in
      let line = "and it came to pass that "
      try write(line, "text", in: folder)
      for (count, status) in [(2, 0), (3, 1)] as [(Int, Int32)] {
        try write(String(repeating: line, count: count) + ".", "passage", in: folder)
        let run = try run("check-passages.sh", ["text", "passage"], in: folder)
        #expect(run.status == status)
        #expect(run.text.contains("same six words at most \(count) times"))
      }
    }
  }

  @Test func passagesThatAreMissingAreNamed() throws {
    let run = try run("check-passages.sh", ["no-text", "no-passage"])
    #expect(run.status == 66)
    #expect(run.talk == "error: no-text: expected a file to read, found none\n")
  }

  @Test(arguments: [0, 1, 66])
  func perplexityCheckEndsAsTheProgramDoes(_ status: Int32) throws {
    try withTemporaryFolder { folder in
      let report = #"{\n  "perplexity" : 12.5,\n  "word_perplexity" : 99\n}\n"#
      let program = folder.appendingPathComponent("program")
      try write("#!/bin/sh\nprintf '\(report)'\necho \"$@\" >&2\nexit \(status)\n", "program", in: folder)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
      let run = try run(
        "check-perplexity.sh", ["model", "file", "13", "--limit", "9"], environment: ["RETNET": program.path])
      #expect(run.status == status)
      #expect(run.text == "perplexity 12.5 (limit 13)\n")
      #expect(run.talk == "eval -m model file --json --fail-above 13 --limit 9\n")
    }
  }

  @Test func quickstartRefusesTextsThatCannotBeTrainedOn() throws {
    try withTemporaryFolder { folder in
      let lines = String(repeating: "A line of text that is long enough to count for something.\n", count: 1_000)
      let expected: [(String, Data, String)] = [
        ("empty", Data(), "expected a text, found an empty file"),
        ("binary", Data(lines.utf8) + [0], "expected a text, found a binary file"),
        ("latin", Data(lines.utf8) + [0xE9, 0x0A], "expected UTF-8, found other bytes"),
        ("small", Data("a\n".utf8), "expected at least 20000 bytes in 20 lines, found 2 bytes in 1 lines"),
        ("one-line", Data(lines.replacing("\n", with: " ").utf8), "found 59000 bytes in 1 lines"),
      ]
      for (name, bytes, message) in expected {
        try bytes.write(to: folder.appendingPathComponent(name))
        let run = try run("quickstart.sh", [name], in: folder, environment: ["RETNET": "/bin/true"])
        #expect(run.status == 1)
        #expect(run.talk.contains("error: \(folder.resolvingSymlinksInPath().path)/\(name): "))
        #expect(run.talk.contains(message), "\(run.talk)")
      }
    }
  }
}
