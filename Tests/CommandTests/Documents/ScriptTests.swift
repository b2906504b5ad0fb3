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

  /// The document shows the function that the check runs.
  @Test func theDocumentShowsHowPythonReadsAModel() throws {
    func text(_ path: String) throws -> String {
      try String(contentsOf: projectFolder.appendingPathComponent(path), encoding: .utf8)
    }
    let script = try text("scripts/read-quantized.py")
    let start = try #require(script.range(of: "def read_weights")).lowerBound
    let end = try #require(script.range(of: "\n\n\nif __name__")).lowerBound
    #expect(try text("docs/CHECKPOINT.md").contains("```python\n\(script[start..<end])\n```\n"))
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

  @Test func passagesWithoutWordsFail() throws {
    try withTemporaryFolder { folder in
      try write("And God said, Let there be light.\n", "text", in: folder)
      try write("And God said", "good", in: folder)
      for empty in ["", "\n", "     \n"] {
        try write(empty, "empty", in: folder)
        let run = try run("check-passages.sh", ["text", "empty", "good"], in: folder)
        #expect(run.status == 1)
        #expect(run.talk == "check: passage 1 has no words\n")
        #expect(run.text.contains("passage 2: 2 words, 100.0 % of them in the training text"))
      }
    }
  }

  @Test func passagesThatAreCopiedFail() throws {
    try withTemporaryFolder { folder in
      let words = (1...40).map { "word\($0)" }
      try write(words.joined(separator: " ") + "\n", "text", in: folder)
      let copied = words[4..<20].joined(separator: " ")
      let own = [30, 3, 24, 8, 14, 2, 27, 36, 11, 5, 39, 22, 17, 9, 33, 1].map { words[$0] }.joined(separator: " ")
      try write("\(copied) word1.\n", "copied", in: folder)
      let run = try run("check-passages.sh", ["text", "copied"], in: folder)
      #expect(run.status == 1)
      #expect(run.talk == "check: passage 1 is copied: 16 of its 17 words stand in the training text like this\n")
      // Half of a passage may be a quotation.
      try write("\(copied) \(own).\n", "half", in: folder)
      #expect(try self.run("check-passages.sh", ["text", "half"], in: folder).status == 0)
    }
  }

  @Test func passagesOfATextWithoutSpacesAreReadByCharacters() throws {
    try withTemporaryFolder { folder in
      let text = "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少床前明月光疑是地上霜举头望明月低头思故乡"
      try write(text + "\n", "text", in: folder)
      for (passage, status, complaint) in [
        ("月明头举霜上地是疑光月明前床", 0, ""),
        ("月明头举雪", 1, "check: fewer than 97 % of the characters occur in the training text\n"),
        (
          String(text.prefix(20)), 1,
          "check: passage 1 is copied: 20 of its 20 characters stand in the training text like this\n"
        ),
      ] as [(String, Int32, String)] {
        try write(passage + "\n", "passage", in: folder)
        let run = try run("check-passages.sh", ["text", "passage"], in: folder)
        #expect(run.status == status, "\(run.text)")
        #expect(run.talk == complaint)
      }
    }
  }

  /// Tables have many lines of boxes, all alike.
  @Test func linesOfBoxesAreNoWords() throws {
    try withTemporaryFolder { folder in
      let border = "├" + String(repeating: "─", count: 60) + "┼" + String(repeating: "─", count: 60) + "┤"
      let text = "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少床前明月光疑是地上霜举头望明月低头思故乡"
      try write("\(text)\n│\(border)\n", "text", in: folder)
      try write("月明头举。霜上地\n\(border)\n│是疑光月明前床│……\n", "passage", in: folder)
      let run = try run("check-passages.sh", ["text", "passage"], in: folder)
      #expect(run.status == 0, "\(run.text)\(run.talk)")
      #expect(run.text.contains("passage 1: 14 characters, 100.0 % of them"), "\(run.text)")
    }
  }

  /// The least part of words that is known is the caller's where the text is small.
  @Test func leastPartOfKnownWordsCanBeChosen() throws {
    try withTemporaryFolder { folder in
      try write("one two three four\n", "text", in: folder)
      try write("one two three five.\n", "passage", in: folder)
      for (known, status) in [("75", 0), ("76", 1)] as [(String, Int32)] {
        let run = try run("check-passages.sh", ["text", "passage"], in: folder, environment: ["KNOWN": known])
        #expect(run.status == status)
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

  /// A program that does nothing but note how it was called, make the files that the next stage looks for, and say
  /// what it was told to.
  private func writeStandIn(passage: String, secondsPerStep: Double = 0.25, in folder: URL) throws -> URL {
    let program = folder.appendingPathComponent("program")
    try write(passage, "said", in: folder)
    // What a dry run of a thousand steps says: their time, and three seconds of evaluations.
    let seconds = 1_000 * secondsPerStep + 3
    let needs =
      " \"eta_seconds\" : \(seconds),\n \"seconds_per_step\" : \(secondsPerStep),\n \"tokens_per_step\" : 256,\n"
    try write(needs, "needs", in: folder)
    try write(
      """
      #!/bin/bash
      here=$(dirname "$0")
      echo "$@" >>"$here/calls"
      case "$1 $2" in
        "tokenize train")
          if [[ "$*" != *"--vocab-size 300 "* ]]; then
            echo "error: vocabulary size: the text can fill at most 300 pieces, found another number" >&2
            exit 65
          fi ;;
        "info "*) echo ' "tokens" : 20000,' ;;
        "train "*)
          if [[ "$*" == *--dry-run* ]]; then cat "$here/needs"; fi
          # Slower than the dry run said, where a test asks for it.
          if [[ "$*" == *--max-steps* ]] && [ -e "$here/slow" ]; then sleep 5; fi ;;
        "generate "*) cat "$here/said" ;;
      esac

      """, "program", in: folder)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
    return program
  }

  /// A text of numbered sentences, and what the quickstart makes of it with the stand-in.
  private func quickstart(
    lines: Int, passage: String, minutes: String = "", secondsPerStep: Double = 0.25, in folder: URL
  ) throws -> (run: BinaryRun, calls: String) {
    let name = "quickstart-\(UUID().uuidString)"
    let text = (1...lines).map { "Sentence \($0) of a text that \($0 * 7) people have written.\n" }.joined()
    try write(text, name + ".txt", in: folder)
    let program = try writeStandIn(passage: passage, secondsPerStep: secondsPerStep, in: folder)
    defer { try? FileManager.default.removeItem(at: projectFolder.appendingPathComponent("data/\(name)")) }
    let run = try run(
      "quickstart.sh", [name + ".txt", "out"], in: folder,
      environment: ["RETNET": program.path, "MINUTES": minutes])
    return (run, try String(contentsOf: folder.appendingPathComponent("calls"), encoding: .utf8))
  }

  @Test func quickstartFitsModelStepsAndPromptsToTheText() throws {
    try withTemporaryFolder { folder in
      let (run, calls) = try quickstart(
        lines: 1_000, passage: " people have written a text of 70 sentences\n", minutes: "60", in: folder)
      #expect(run.status == 0, "\(run.talk)")
      #expect(
        run.talk.contains("configs/sizes.txt, the row for texts up to 100000 bytes: a small model, many small batches"))
      // Twenty reads of 20,000 tokens in batches of 256, at a quarter of a second each.
      #expect(run.talk.contains("\n  training.batch_tokens=256 training.micro_batch_tokens=256 training.beta2=0.9975 "))
      let training = calls.split(separator: "\n").last { $0.hasPrefix("train --config") } ?? ""
      #expect(training.contains("--set=training.steps=1563 --set=training.warmup_steps=135 "), "\(training)")
      #expect(training.contains("--set=training.evaluate_every=157 --set=training.patience=3"), "\(training)")
      #expect(training.contains("--set=training.batch_tokens=256 "), "\(training)")
      #expect(training.contains("--set=training.dropout=0.2 --set=model.zero_init_output=false "), "\(training)")
      // A quarter of the steps, then the rest, in as many as there turns out to be time for.
      #expect(training.hasSuffix(" --max-steps 390"), "\(training)")
      let rest = calls.split(separator: "\n").last { $0.hasPrefix("train ") } ?? ""
      #expect(
        rest.hasPrefix("train --resume auto -o ")
          && rest.hasSuffix(" --set training.steps=1563 --set training.evaluate_every=157"), "\(rest)")
      #expect(run.talk.contains("The first 390 steps took 0."))
      #expect(run.talk.contains("1563 steps, which read the text 20.0 times: read more often, a text of this size is"))
      // Lines after a quarter, a half and three quarters of the fifty that are held out.
      for line in [963, 976, 988] {
        #expect(calls.contains("/out/best.safetensors -p Sentence \(line) of a text -n 120"))
      }
      // A vocabulary that the text cannot fill is no error of the run.
      #expect(!run.talk.contains("error:"))
      #expect(run.talk.contains("This text takes a vocabulary of 300 pieces instead of 1024.\n"))
      if run.text.contains("xz -9e") {
        #expect(run.text.contains(" bits per byte, after the training text\n"), "\(run.text)")
      }
    }
  }

  @Test func quickstartKeepsToItsMinutes() throws {
    try withTemporaryFolder { folder in
      let passage = " people have written a text of 70 sentences\n"
      let (run, calls) = try quickstart(lines: 1_000, passage: passage, minutes: "0.5", in: folder)
      #expect(run.talk.contains("times, fit into 0.5 minutes; MINUTES=… gives more, up to 20 times\n"), "\(run.talk)")
      // Thirty seconds without three of evaluations and fifteen at the end: 48 steps of a quarter of a second at most.
      let training = calls.split(separator: "\n").last { $0.hasPrefix("train ") } ?? ""
      let steps = training.firstMatch(of: /training.steps=([0-9]+)/).flatMap { Int($0.1) } ?? 0
      #expect((20...48).contains(steps), "\(training)")
      let half = try self.quickstart(lines: 1_000, passage: passage, minutes: ".5", in: folder).run
      #expect(half.talk.contains("times, fit into .5 minutes"), "\(half.talk)")
      let wrong = try self.quickstart(lines: 1_000, passage: passage, minutes: "soon", in: folder).run
      #expect(wrong.status == 1 && wrong.talk == "error: MINUTES: expected a number from 0.5 on, found 'soon'\n")
    }
  }

  /// Steps that take longer than in the dry run become fewer, but not so few that the decay had to begin earlier.
  @Test func quickstartSetsItsStepsAnewAfterAQuarter() throws {
    try withTemporaryFolder { folder in
      try write("", "slow", in: folder)
      let passage = " people have written a text of 70 sentences\n"
      let (run, calls) = try quickstart(
        lines: 1_000, passage: passage, minutes: "0.5", secondsPerStep: 0.04, in: folder)
      let trainings = calls.split(separator: "\n").filter { $0.hasPrefix("train ") && !$0.contains("--dry-run") }
      #expect(trainings.count == 2, "\(run.talk)")
      let steps = trainings.compactMap { $0.firstMatch(of: /training.steps=([0-9]+)/).flatMap { Int($0.1) } }
      let first = trainings.first?.firstMatch(of: /--max-steps ([0-9]+)/).flatMap { Int($0.1) } ?? 0
      #expect(steps.count == 2 && first == steps[0] / 4 && first >= 50, "\(trainings)")
      #expect(steps.count == 2 && steps[1] < steps[0] && steps[1] >= first * 5 / 2, "\(steps)")
      #expect(run.talk.contains("The first \(first) steps took "), "\(run.talk)")
    }
  }

  /// Text of one long line at the end is not held out as a whole with it.
  @Test func quickstartHoldsOutATenthAtMost() throws {
    try withTemporaryFolder { folder in
      let program = try writeStandIn(passage: "none", in: folder)
      let name = "quickstart-\(UUID().uuidString)"
      let long = String(repeating: "a word and another ", count: 100)
      let lines = Array(repeating: "short", count: 400) + Array(repeating: long, count: 20)
      try write(lines.joined(separator: "\n") + "\n", "\(name).txt", in: folder)
      defer { try? FileManager.default.removeItem(at: projectFolder.appendingPathComponent("data/\(name)")) }
      let run = try run("quickstart.sh", ["\(name).txt", "out"], in: folder, environment: ["RETNET": program.path])
      // Twenty-one lines are 5 % of the lines, and nearly the whole text.
      #expect(run.talk.contains("420 lines; the last 2 lines are held out: "), "\(run.talk)")
    }
  }

  @Test func quickstartNamesAProgramThatIsMissing() throws {
    let run = try run("quickstart.sh", [], environment: ["RETNET": "/no/such/program"])
    #expect(run.status == 1 && run.talk == "error: RETNET: expected a program, found none at /no/such/program\n")
  }

  @Test(
    arguments: [
      "",
      "Sentence 3 of a text that 21 people have written. Sentence 4 of a text that 28 people have written.\n",
    ])
  func quickstartFailsWhereThePassagesDo(_ passage: String) throws {
    try withTemporaryFolder { folder in
      let (run, _) = try quickstart(lines: 1_000, passage: passage, in: folder)
      #expect(run.status == 1)
      #expect(
        run.talk.contains("error: the passages are not what this text should lead to (see above)\nhint: "),
        "\(run.talk)")
    }
  }

  @Test func tryGeneratesAndSaysHowToGoOn() throws {
    try withTemporaryFolder { folder in
      let program = try writeStandIn(passage: " that the people went up.\n", in: folder)
      try write("", "model", in: folder)
      let run = try run("try.sh", ["model"], in: folder, environment: ["RETNET": program.path])
      #expect(run.status == 0 && run.text == "And it came to pass, that the people went up.\n\n", "\(run.text)")
      #expect(run.talk.contains("make quickstart TEXT=my.txt"))
      let missing = try self.run("try.sh", ["none"], in: folder, environment: ["RETNET": program.path])
      #expect(
        missing.status == 66 && missing.talk.contains("/none: expected a model, found none\nhint: make quickstart"))
    }
  }

  /// A program that answers what publish-model.sh asks.
  private func writePublisher(isComplete: Bool, in folder: URL) throws -> URL {
    let program = folder.appendingPathComponent("program")
    try write(
      """
      #!/bin/bash
      case "$1 $*" in
        "info "*run" --json"*) printf '{\\n  "best_step" : 7,\\n  "complete" : \(isComplete),\\n  "steps" : 8\\n}\\n' ;;
        "info "*) printf '{\\n  "digest" : "abc",\\n  "parameters" : 9000,\\n  "tool_version" : "retnet 1"\\n}\\n' ;;
        "convert "*) printf 12345 >"$4" ;;
        "eval "*) printf '{\\n  "bits_per_byte" : 1.50004\\n}\\n' ;;
        "generate "*) printf ' that\\nit was so.\\n' ;;
      esac

      """, "program", in: folder)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
    let run = folder.appendingPathComponent("run")
    try FileManager.default.createDirectory(at: run, withIntermediateDirectories: true)
    try write("", "run/best.safetensors", in: folder)
    try write("", "tokens", in: folder)
    try write(
      "model:\n  width: 160\n  layers: 6\ndata:\n  train: mine.tokens\n  validation: \(folder.path)/tokens\n",
      "run/config.yaml",
      in: folder)
    return program
  }

  @Test func aPublishedModelHasItsCard() throws {
    try withTemporaryFolder { folder in
      let program = try writePublisher(isComplete: true, in: folder)
      var environment = ["RETNET": program.path, "MODELS": folder.path + "/models"]
      let nameless = try self.run("publish-model.sh", ["run"], in: folder, environment: environment)
      #expect(nameless.status == 65 && nameless.talk.contains("expected TEXT and LICENSE"), "\(nameless.talk)")
      environment.merge(["TEXT": "my letters", "LICENSE": "mine"]) { $1 }
      let run = try self.run("publish-model.sh", ["run", "small"], in: folder, environment: environment)
      #expect(run.status == 0, "\(run.talk)")
      let models = folder.appendingPathComponent("models")
      #expect(
        try String(contentsOf: models.appendingPathComponent("small.q8_0.safetensors"), encoding: .utf8) == "12345")
      let card = try String(contentsOf: models.appendingPathComponent("README.md"), encoding: .utf8)
      for part in [
        "# small\n", "| text | my letters |", "| license of the text | mine |", "| size | 5 bytes;",
        "width 160, 6 layers",
        "8 steps", "best at step 7", "1.5000; before rounding", "> And it came to pass, that it was so.\n",
      ] { #expect(card.contains(part), "\(part) is not in \(card)") }
    }
  }

  @Test func aRunThatIsNotCompleteIsNotPublished() throws {
    try withTemporaryFolder { folder in
      let program = try writePublisher(isComplete: false, in: folder)
      let environment = ["RETNET": program.path, "MODELS": folder.path + "/models"]
      let run = try self.run("publish-model.sh", ["run"], in: folder, environment: environment)
      #expect(run.status == 65 && run.talk.contains("expected a run that is complete"), "\(run.talk)")
      #expect(try self.run("publish-model.sh", ["none"], in: folder, environment: environment).status == 65)
    }
  }
}
