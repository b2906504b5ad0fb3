import Foundation
import TestSupport
import Testing

extension CommandRuns {
  /// `retnet eval --tasks` on the small data sets of Tests/Golden/tasks.
  @Suite struct TaskTests {
    private let workspace: Workspace
    private static let data = projectFolder.appendingPathComponent("Tests/Golden/tasks").path
    private static let names = [
      "hellaswag", "piqa", "winogrande", "arc_easy", "arc_challenge", "boolq", "copa", "storycloze_2016", "wsc273",
      "lambada_openai",
    ]

    init() throws { workspace = try Workspace() }

    private func results(_ options: String) throws -> [String: [String: Any]] {
      let report = try workspace.json("eval -m model.safetensors -q --json --tasks \(options)")
      return try #require(report["results"] as? [String: [String: Any]])
    }

    /// The lines of a log.
    private func samples(_ path: String) throws -> [[String: Any]] {
      try workspace.text(path).split(separator: "\n").map { try jsonObject(String($0)) }
    }

    @Test(arguments: [0, 4])
    func everyTaskHasTheHarnesssKeys(_ shots: Int) throws {
      let line =
        "eval -m model.safetensors -q --tasks \(Self.names.joined(separator: ",")) --data \(Self.data)"
        + " --num-fewshot \(shots) --results results.json --log-samples samples.jsonl"
      let table = try workspace.result(line).split(separator: "\n").map(String.init)
      #expect(table[0].hasPrefix("|     Tasks     |Version|Filter|n-shot|"))
      #expect(table[1].hasPrefix("|---------------|------:|------|-----:|"))
      let report = try jsonObject(workspace.text("results.json"))
      for key in ["configs", "versions", "n-shot", "higher_is_better", "n-samples", "group_subtasks", "chance"] {
        #expect((report[key] as? [String: Any])?.keys.sorted() == Self.names.sorted(), "\(key)")
      }
      let found = try #require(report["results"] as? [String: [String: Any]])
      for (name, metrics) in found {
        let accuracy = try #require(metrics["acc,none"] as? Double, "\(name)")
        #expect((0...1).contains(accuracy))
        #expect(metrics["acc_stderr,none"] != nil && metrics["alias"] as? String == name)
      }
      #expect(found["lambada_openai"]?["perplexity,none"] as? Double ?? 0 > 1)
      let samples = try samples("samples.jsonl")
      #expect(samples.count == found.values.reduce(0) { $0 + ($1["sample_len"] as? Int ?? 0) })
      // The figures are the means of the samples.
      for name in Self.names {
        let own = samples.filter { $0["task"] as? String == name }
        let mean = own.reduce(0.0) { $0 + ($1["acc"] as? Double ?? .nan) } / Double(own.count)
        #expect(abs(mean - (found[name]?["acc,none"] as? Double ?? .nan)) < 1e-12, "\(name)")
        let context = ((own[0]["arguments"] as? [String: [String: String]])?["gen_args_0"])?["arg_0"] ?? ""
        #expect(context.components(separatedBy: "\n\n").count == 1 + shots, "\(name): \(context)")
      }
    }

    /// One choice at a time, each after its whole context, has the log-likelihood of all together.
    @Test func choicesScoreTogetherAsAlone() throws {
      let text = "|the light of day|the night|the earth"
      let choices = text.split(separator: "|").map(String.init)
      let rows = choices.indices.map { #"{"c": "And God said, ", "o": ["\#(choices[$0])", "day"], "g": 0}"# }
      let all = #"{"c": "And God said, ", "o": ["\#(choices.joined(separator: #"", ""#))"], "g": 2}"#
      try workspace.write(rows.joined(separator: "\n"), "alone.jsonl")
      try workspace.write(all, "all.jsonl")
      for name in ["alone", "all"] {
        try workspace.write(
          "task: \(name)\nrows: \(name).jsonl\ncontext: '{c}'\nchoices: '{o}'\ngold: '{g}'\n", "\(name).yaml")
      }
      _ = try results("alone.yaml,all.yaml --log-samples s.jsonl")
      let samples = try samples("s.jsonl")
      let together = try #require(samples.last?["filtered_resps"] as? [[String]]).compactMap { Double($0[0]) }
      for (index, sample) in samples.dropLast().enumerated() {
        let alone = try #require((sample["filtered_resps"] as? [[String]])?.first).first.flatMap { Double($0) }
        #expect(abs(try #require(alone) - together[index]) < 1e-4)
      }
      // The space at the end of the context belongs to the continuation.
      #expect(((samples[0]["arguments"] as? [String: [String: String]])?["gen_args_0"])?["arg_0"] == "And God said, ")
    }

    @Test func idsStandForTexts() throws {
      let ids = try workspace.result("tokenize encode -m tokenizer.model", input: "the light of the day")
        .split(separator: " ").compactMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
      let (context, tokens) = ([1] + ids.prefix(3), Array(ids.dropFirst(3)))
      try workspace.write(#"{"c": \#(context), "o": [\#(tokens), [5]], "g": 0}"#, "ids.jsonl")
      try workspace.write("task: ids\nrows: ids.jsonl\ncontext: '{c}'\nchoices: '{o}'\ngold: '{g}'\n", "ids.yaml")
      _ = try results("ids.yaml --log-samples s.jsonl")
      let found = (try samples("s.jsonl")[0]["filtered_resps"] as? [[String]])?[0].first.flatMap { Double($0) }
      // The same by two whole texts.
      try workspace.write("{\"t\": \(ids)}\n{\"t\": \(Array(ids.prefix(3)))}\n", "whole.jsonl")
      try workspace.write("task: whole\nkind: rolling\nrows: whole.jsonl\ntext: '{t}'\n", "whole.yaml")
      _ = try results("whole.yaml --log-samples w.jsonl")
      let wholes = try samples("w.jsonl").compactMap {
        ($0["filtered_resps"] as? [String])?.first.flatMap { Double($0) }
      }
      #expect(abs(try #require(found) - (wholes[0] - wholes[1])) < 1e-4)
      try workspace.write(#"{"c": [1, 9999], "o": [[5], [6]], "g": 0}"#, "ids.jsonl")
      try workspace.expectFailure(
        "eval -m model.safetensors --tasks ids.yaml", status: 65, "ids.jsonl: line 1: expected ids below ")
    }

    @Test func aLimitTakesTheFirstRows() throws {
      let all = try results("piqa --data \(Self.data)")
      let count = try #require(all["piqa"]?["sample_len"] as? Int)
      #expect(try results("piqa --data \(Self.data) --limit 2")["piqa"]?["sample_len"] as? Int == 2)
      #expect(try results("piqa --data \(Self.data) --limit 0.5")["piqa"]?["sample_len"] as? Int == (count + 1) / 2)
      #expect(try results("piqa --data \(Self.data) --limit 1")["piqa"]?["acc_stderr,none"] as? String == "N/A")
    }

    /// A row that a limit leaves out is not read as a question.
    @Test func rowsBehindTheLimitMayBeBad() throws {
      let row = #"{"goal": "g", "sol1": "a", "sol2": "b", "label": 0}"#
      try FileManager.default.createDirectory(
        at: workspace.folder.appendingPathComponent("bad"), withIntermediateDirectories: true)
      try workspace.write("\(row)\n\(row)\n{}\n", "bad/piqa.jsonl")
      #expect(try results("piqa --data bad --limit 2")["piqa"]?["sample_len"] as? Int == 2)
      try workspace.write("\(row)\n{}\n", "bad/piqa.train.jsonl")
      try workspace.expectFailure(
        "eval -m model.safetensors --tasks piqa --data bad --limit 2 --num-fewshot 1", status: 65,
        "bad/piqa.train.jsonl: line 2: field 'goal': expected one, found none")
    }

    @Test(arguments: zip(Compression.allCases, [".gz", ".zst", ".xz"]))
    func rowsMayBeCompressed(_ compression: Compression, _ ending: String) throws {
      let plain = try results("piqa --data \(Self.data) --num-fewshot 2")
      for part in ["", ".train"] {
        let rows = try Data(contentsOf: URL(fileURLWithPath: "\(Self.data)/piqa\(part).jsonl"))
        try workspace.write(Data(compression.compress(Array(rows))), "piqa\(part).jsonl\(ending)")
      }
      let found = try results("piqa --data . --num-fewshot 2")
      #expect(found["piqa"]?["acc_norm,none"] as? Double == plain["piqa"]?["acc_norm,none"] as? Double)
      #expect(found["piqa"]?["sample_len"] as? Int == plain["piqa"]?["sample_len"] as? Int)
    }

    /// A signal ends the wait for rows that never come.
    @Test func aSignalEndsTheWaitForRows() throws {
      try workspace.write("task: slow\nrows: pipe\nkind: rolling\ntext: '{t}'\n", "slow.yaml")
      let pipe = workspace.folder.appendingPathComponent("pipe").path
      try #require(unsafe mkfifo(pipe, 0o600) == 0)
      let running = try RunningBinary("eval -m model.safetensors --tasks slow.yaml", in: workspace.folder)
      try running.wait { running.isListening }
      running.signal(SIGTERM)
      #expect(running.status() == 143)
    }

    @Test func resultsAreCompared() throws {
      let line = "eval -m model.safetensors --tasks piqa,lambada_openai --data \(Self.data)"
      _ = try workspace.result(line + " --results old.json")
      #expect(try workspace.run(line + " --compare old.json").status == 0)
      let old = try workspace.text("old.json")
      let key = #""perplexity,none" : "#
      let start = try #require(old.range(of: key))
      let better = old[..<start.upperBound] + "1" + old[start.upperBound...].drop { $0 != "," && $0 != "\n" }
      try workspace.write(String(better), "better.json")
      let failed = try workspace.run(line + " --compare better.json --max-increase 10% --junit j.xml")
      #expect(failed.status == 1 && failed.text.hasPrefix("|"))
      #expect(failed.talk.contains("eval: lambada_openai: perplexity: "))
      #expect(try workspace.text("j.xml").contains(#"tests="3" failures="1""#))
    }

    @Test(arguments: [
      ("hellaswagg --data .", 64, "found 'hellaswagg'"),
      ("piqa", 64, "--tasks: piqa: expected --data DIR with piqa.jsonl, found none"),
      ("piqa --data nowhere", 66, "nowhere/piqa.jsonl"),
      (
        "piqa --data few/piqa.jsonl", 66,
        "--data: few/piqa.jsonl: expected a folder with the rows of tasks, found a file"
      ),
      // Found before the first task is scored.
      ("piqa,storycloze_2016 --data far", 65, "far/storycloze_2016.jsonl: line 1: expected a right choice from 0 to 1"),
      ("piqa,late.yaml --data few", 65, "ids.jsonl: line 3: expected ids below "),
      (
        "none.yaml", 78,
        "none.yaml: choices: expected two templates or more, or one field with a list, found an empty list"
      ),
      ("nameless.yaml", 78, "nameless.yaml: rows: expected the name of a file, found an empty text"),
      ("unshot.yaml", 78, "unshot.yaml: examples: expected the name of a file, found an empty text"),
      (
        "spaced.yaml", 78,
        "spaced.yaml: context: expected a field's name without spaces around it, found '{ goal }'"
      ),
      ("piqa,piqa --data .", 64, "--tasks: 'piqa' is given twice"),
      ("piqa,twice.yaml --data few", 64, "--tasks: expected different tasks, found 'piqa' twice"),
      ("ids.yaml --num-fewshot 1", 65, "an example before another question needs texts, found ids"),
      (
        "storycloze_2016 --data far", 65,
        "far/storycloze_2016.jsonl: line 1: expected a right choice from 0 to 1, found -1"
      ),
      ("piqa --data . --limit 0", 64, "--limit: expected a whole number from 1 or a share below 1, found 0.0"),
      ("piqa --data . --limit 1.5", 64, "--limit: expected a whole number from 1 or a share below 1, found 1.5"),
      ("piqa --data . --window 4", 64, "'--tasks' and '--window' cannot be used together"),
      ("piqa --data . --fail-above 4", 64, "'--tasks' and '--fail-above' cannot be used together"),
      ("piqa --data empty", 65, "empty/piqa.jsonl: expected rows, found none"),
      ("piqa --data bad", 65, "bad/piqa.jsonl: line 3: field 'sol2': expected one, found none"),
      (
        "piqa --data few --num-fewshot 4", 65,
        "few/piqa.train.jsonl: expected at least 5 rows to draw examples from, found 1"
      ),
      ("mine.yaml", 78, "mine.yaml: expected task, kind, rows, examples, context, choices, gold, text, found 'contex'"),
      ("brace.yaml", 78, "brace.yaml: context: expected a field's name and '}' behind '{', found something else"),
      ("kind.yaml", 78, "kind.yaml: kind: expected choice, last-word or rolling, found 'word'"),
      ("rolling.yaml --num-fewshot 2", 64, "--num-fewshot: whole: expected 0 for a task about whole texts, found 2"),
    ])
    func badTasksAreRefused(_ options: String, _ status: Int, _ message: String) throws {
      let row = #"{"goal": "g", "sol1": "a", "sol2": "b", "label": 0}"#
      for folder in ["empty", "bad", "few", "far"] {
        try FileManager.default.createDirectory(
          at: workspace.folder.appendingPathComponent(folder), withIntermediateDirectories: true)
      }
      try workspace.write("\n \n", "empty/piqa.jsonl")
      try workspace.write("\(row)\n\n" + #"{"goal": "g", "sol1": "a", "label": 0}"#, "bad/piqa.jsonl")
      try workspace.write(row, "few/piqa.jsonl")
      try workspace.write(row, "few/piqa.train.jsonl")
      try workspace.write(row, "far/piqa.jsonl")
      try workspace.write("task: mine\ncontex: x\n", "mine.yaml")
      let choices = "context: '{c}'\nchoices: '{o}'\ngold: '{g}'\n"
      try workspace.write("task: piqa\nrows: few/piqa.jsonl\n\(choices)", "twice.yaml")
      try workspace.write("task: ids\nrows: ids.jsonl\n\(choices)", "ids.yaml")
      try workspace.write("task: late\nrows: ids.jsonl\n\(choices)", "late.yaml")
      // The last one is in no vocabulary.
      let lists = [5, 7, 9999].map { #"{"c": [1, \#($0)], "o": [[5], [6]], "g": 0}"# }
      try workspace.write(lists.joined(separator: "\n"), "ids.jsonl")
      let own = "task: a\nrows: few/piqa.jsonl\n"
      try workspace.write(own + "context: '{goal}'\nchoices: []\ngold: '0'\n", "none.yaml")
      try workspace.write("task: a\nrows: ''\n" + choices, "nameless.yaml")
      try workspace.write(own + "examples: ''\n" + choices, "unshot.yaml")
      try workspace.write(own + "context: '{ goal }'\nchoices: ['a', 'b']\ngold: '0'\n", "spaced.yaml")
      let sentences = (1...4).map { #""input_sentence_\#($0)": "a","# }.joined()
      try workspace.write(
        "{\(sentences)" + #""sentence_quiz1": "a", "sentence_quiz2": "b", "answer_right_ending": \#(Int.min)}"#,
        "far/storycloze_2016.jsonl")
      try workspace.write(
        "task: a\nrows: few/piqa.jsonl\ncontext: '{goal'\nchoices: ['a', 'b']\ngold: '0'\n", "brace.yaml")
      try workspace.write("task: a\nrows: few/piqa.jsonl\nkind: word\ntext: '{goal}'\n", "kind.yaml")
      try workspace.write("task: whole\nrows: few/piqa.jsonl\nkind: rolling\ntext: '{goal}'\n", "rolling.yaml")
      try workspace.expectFailure("eval -m model.safetensors --tasks \(options)", status: Int32(status), message)
    }
  }
}
