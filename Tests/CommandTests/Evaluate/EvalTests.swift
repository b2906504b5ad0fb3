import Foundation
import Testing

extension CommandRuns {
  /// `retnet eval` on texts: tables, windows, checks, resuming.
  @Suite struct EvalTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private func number(_ report: [String: Any], _ key: String) throws -> Double {
      try #require(report[key] as? Double, "\(key)")
    }

    @Test func modelsAndTextsGiveATable() throws {
      try workspace.write("light and day\n", "other.txt")
      _ = try workspace.result("convert model.safetensors -o small.safetensors --quantize q8_0 -q")
      let line = "eval -m model.safetensors -m small.safetensors text.txt other.txt -q"
      let table = try workspace.result(line).split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      #expect(table[0].prefix(5) == ["model", "text", "bits/byte", "perplexity", "loss"])
      #expect(
        table[1...4].map { Array($0.prefix(2)) } == [
          ["model.safetensors", "text.txt"], ["model.safetensors", "other.txt"], ["small.safetensors", "text.txt"],
          ["small.safetensors", "other.txt"],
        ])
      #expect(table[5].prefix(3) == ["method:", "full", "history,"])
      let rows = try #require(try workspace.json(line + " --json")["rows"] as? [[String: Any]])
      let alone = try workspace.json("eval -m small.safetensors other.txt -q --json")
      #expect(try number(rows[3], "loss") == number(alone, "loss"))
      #expect(rows.map { $0["weights"] as? String } == [nil, nil, "q8_0", "q8_0"])
      #expect(try workspace.result("eval -m small.safetensors other.txt -q").contains("\nweights         q8_0\n"))
      let same = try workspace.result("eval -m model.safetensors text.txt other.txt -q")
      #expect(same.contains("\nmethod: full history, chunkwise, chunk length 128; starts with BOS\n"))
      #expect(same.contains("\n±: standard error over blocks of 512 tokens\n") && !same.contains("tokenizers"))
      _ = try workspace.result("convert model.safetensors --tokenizer other.model -o other.safetensors -q")
      let others = try workspace.result("eval -m model.safetensors -m other.safetensors text.txt -q")
      #expect(
        others.contains("\nThe tokenizers differ, so only bits/byte and ppl/word are comparable between models.\n"))
    }

    @Test func windowsNameTheirRule() throws {
      let whole = try workspace.json("eval -m model.safetensors text.txt --json -q")
      let long = try workspace.json("eval -m model.safetensors text.txt --json -q --window 100000")
      #expect(abs(try number(long, "loss") / number(whole, "loss") - 1) < 1e-5)
      #expect(long["method"] as? String == "windows" && long["window_rule"] as? String == "sliding")
      for (rule, word) in [("sliding", "sliding"), ("hf", "hf"), ("llama.cpp", "llama.cpp")] {
        let found = try workspace.json("eval -m model.safetensors text.txt --json -q --window 64 --window-rule \(rule)")
        #expect(found["window"] as? Int == 64 && found["stride"] as? Int == 64)
        #expect(found["window_rule"] as? String == word)
        #expect(try number(found, "loss") > number(whole, "loss") * 0.9)
        #expect((found["bytes"] as? Int == 0) == (rule != "sliding"))
        #expect(found["standard_error_over"] as? String == (rule == "sliding" ? "blocks" : "windows"))
      }
      let table = try workspace.result("eval -m model.safetensors text.txt text.txt -q --window 64 --window-rule hf")
      #expect(table.contains("\n±: standard error over windows\n"))
      let text = try workspace.result("eval -m model.safetensors text.txt -q --window 64 --stride 16")
      #expect(text.contains("method          windows of 64 tokens, stride 16, rule sliding; starts with BOS\n"))
      try workspace.expectFailure(
        "eval -m model.safetensors text.txt --window 1000000 --window-rule llama.cpp", status: 65,
        "text.txt: expected documents of a window or more, found none")
    }

    @Test func theStandardErrorSaysOverWhat() throws {
      let blocks = try workspace.json("eval -m model.safetensors text.txt --json -q")
      let documents = try workspace.json("eval -m model.safetensors text.txt --json -q --documents line")
      #expect(blocks["standard_error_over"] as? String == "blocks")
      #expect(documents["standard_error_over"] as? String == "documents")
      #expect(try number(documents, "loss_standard_error") > 0)
      #expect(
        documents["method_text"] as? String == "full history, chunkwise, chunk length 128; starts with BOS; "
          + "documents by line")
    }

    @Test func theThreePrecisionsAreNamed() throws {
      let single = try workspace.json("eval -m model.safetensors text.txt --json -q")
      let half = try workspace.json("eval -m model.safetensors text.txt --json -q --precision bf16")
      #expect(single["precision"] as? String == "f32" && half["precision"] as? String == "bf16")
      let ratio = try number(half, "loss") / number(single, "loss")
      #expect(ratio != 1 && abs(ratio - 1) < 0.01)
    }

    // MARK: - Checks

    @Test func checksSetTheStatusAndFillAJUnitReport() throws {
      let old = try workspace.json("eval -m model.safetensors text.txt --json -q")
      try workspace.write(try workspace.result("eval -m model.safetensors text.txt --json -q"), "old.json")
      let perplexity = try number(old, "perplexity")
      let passed = try workspace.run(
        "eval -m model.safetensors text.txt -q --fail-above \(perplexity + 1) --compare old.json --junit a.xml")
      #expect(passed.status == 0 && passed.talk.isEmpty, "\(passed.talk)")
      let xml = try workspace.text("a.xml")
      #expect(xml.contains(#"<testsuite name="retnet eval" tests="2" failures="0""#))
      #expect(xml.contains(#"name="model.safetensors, text.txt: bits_per_byte"/>"#))

      let better = String(
        data: try JSONSerialization.data(
          withJSONObject: old.merging([
            "bits_per_byte": try number(old, "bits_per_byte") / 1.02, "tokens": 1,
          ]) { $1 }), encoding: .utf8)
      try workspace.write(try #require(better), "better.json")
      let line = "eval -m model.safetensors text.txt --compare better.json"
      let failed = try workspace.run(line + " --max-increase 1% --junit b.xml")
      #expect(failed.status == 1 && failed.text.hasPrefix("bits per byte"))
      #expect(failed.talk.contains("eval: model.safetensors, text.txt: bits_per_byte: "))
      #expect(try workspace.text("b.xml").contains(#"failures="1""#))
      #expect(try workspace.run(line + " --max-increase 3%").status == 0)
      #expect(try workspace.run(line + " --max-increase 0.03").status == 0)
      #expect(try workspace.run(line + " --compare-keys loss,perplexity").status == 0)
      for key in ["model", ",", "tokens"] {
        try workspace.expectFailure(line + " --compare-keys \(key)", status: 64, "--compare-keys: expected ")
      }
      try workspace.expectFailure(
        "eval -m model.safetensors text.txt --junit j.xml", status: 64,
        "--junit: expected together with --fail-above or --compare")
      // Figures of two methods are not compared.
      let windows = "eval -m model.safetensors text.txt --window 64 --compare old.json --compare-keys loss"
      let other = try workspace.run(windows)
      #expect(other.status == 65 && other.talk.contains("old.json: method_text: expected 'windows of 64 tokens"))
      try workspace.write("[1]", "list.json")
      try workspace.expectFailure(
        "eval -m model.safetensors text.txt --compare list.json", status: 65, "expected what eval --json prints")
      try workspace.expectFailure(
        "eval -m model.safetensors text.txt text.txt --compare old.json", status: 65, "expected 2 results, found 1")
      #expect(try workspace.run("eval -m model.safetensors text.txt --fail-above 1.0001").status == 1)
    }

    // MARK: - Resuming

    /// Runs a command, and stops it after some time of the CPU.
    private func run(_ line: String, stoppingAfter seconds: Double) throws -> (
      status: Int32, text: String, talk: String
    ) {
      let running = try RunningBinary("\(line) >told", in: workspace.folder)
      while running.isRunning, running.processorSeconds < seconds { usleep(2_000) }
      running.signal(SIGTERM)
      return (running.status(), try workspace.text("told"), running.talk)
    }

    @Test(arguments: ["text.txt", "train.tokens"])
    func aStoppedEvaluationResumesToTheSameBits(_ file: String) throws {
      let long = String(repeating: TinyProject.text, count: 60)
      try workspace.write(long, "text.txt")
      _ = try workspace.result("tokenize pack -m tokenizer.model --input text.txt -o train.tokens --documents line -q")
      let whole = try workspace.json("eval -m model.safetensors \(file) --json -q")
      let line = "eval -m model.safetensors \(file) --json --progress part"
      var stops = 0
      var last = try run(line, stoppingAfter: 0.4)
      while last.status == 75 {
        stops += 1
        #expect(last.text.isEmpty && last.talk.contains("the same command resumes"), "\(last.talk)")
        last = try run(line, stoppingAfter: stops < 3 ? 0.4 : 600)
      }
      #expect(stops > 0)
      #expect(last.status == 0, "\(last.talk)")
      let found = try jsonObject(last.text)
      for key in ["loss", "loss_standard_error", "tokens", "bytes", "bits_per_byte"] {
        #expect(try number(found, key) == number(whole, key), "\(key)")
      }
      #expect(!FileManager.default.fileExists(atPath: workspace.folder.appendingPathComponent("part").path))
    }

    /// A signal ends the wait for a text that does not come, before its first byte and behind some.
    @Test(arguments: [0, 20_000])
    func aPipeThatIsIdleIsLeft(_ count: Int) throws {
      let pipe = workspace.folder.appendingPathComponent("pipe").path
      try #require(unsafe mkfifo(pipe, 0o600) == 0)
      let text = String(repeating: TinyProject.text, count: 4)
      try workspace.write(text, "text.txt")
      let line = "eval -m model.safetensors --json --progress part"
      let running = try RunningBinary("\(line) pipe", in: workspace.folder)
      try running.wait { running.isListening }
      // Opened for both, so that the text does not end.
      let descriptor = unsafe open(pipe, O_RDWR | O_CLOEXEC)
      defer { close(descriptor) }
      let bytes = Array(text.utf8.prefix(count))
      #expect(unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) } == count)
      // It has taken all of it.
      var left: Int32 = 1
      try running.wait {
        _ = unsafe ioctl(descriptor, UInt(FIONREAD), &left)
        return left == 0
      }
      running.signal(SIGTERM)
      #expect(running.status() == (count == 0 ? 143 : 75), "\(running.talk)")
      guard count > 0 else { return }
      #expect(running.talk.contains("the same command resumes"))
      let resumed = try workspace.json("\(line) text.txt -q")
      let whole = try workspace.json("eval -m model.safetensors --json text.txt -q")
      for key in ["loss", "loss_standard_error", "tokens", "bytes"] {
        #expect(try number(resumed, key) == number(whole, key), "\(key)")
      }
    }

    @Test func theProgressOfSomethingElseIsRefused() throws {
      try workspace.write(String(repeating: TinyProject.text, count: 60), "text.txt")
      let line = "eval -m model.safetensors text.txt --progress part"
      let run = try run(line, stoppingAfter: 0.4)
      try #require(run.status == 75, "\(run.talk)")
      try workspace.change("part", to: "whole") { _ in }
      try workspace.change("part") { $0[$0.count - 1] ^= 1 }
      let damage = try workspace.expectFailure(line, status: 65, "part: expected content with the digest ")
      #expect(damage.contains(": the file is damaged"))
      try workspace.change("whole", to: "part") { _ in }
      try workspace.expectFailure(line + " --no-bos", status: 65, "part: expected the progress of model ")
      try workspace.write("another text " + String(repeating: TinyProject.text, count: 60), "text.txt")
      try workspace.expectFailure(
        line, status: 65, "part: expected the progress of this text, found that of another one")
      try workspace.write("short\n", "text.txt")
      try workspace.expectFailure(
        line, status: 65, "part: expected the progress of this text, found that of another one")
      try workspace.expectFailure(
        "eval -m model.safetensors text.txt --progress model.safetensors", status: 64,
        "--progress: expected another file than")
      try workspace.write(try workspace.bytes("model.safetensors"), "part")
      try workspace.expectFailure(line, status: 65, "part: expected the progress of an evaluation, found another file")
    }

    @Test(arguments: [
      ("--window 64 --stride 65", "--stride: expected 1 to 64, the window, found 65"),
      ("--stride 3", "--stride: expected together with --window"),
      ("--window 1", "--window: expected 2 to 16777216, found 1"),
      ("--window 8 --window-rule llama.cpp --stride 4", "--stride: the windows of llama.cpp do not overlap"),
      ("--window 8 --form parallel", "--window: windows are read in the chunkwise form of length 128"),
      ("--window 8 --progress part", "'--window' and '--progress' cannot be used together"),
      ("--max-increase 1%", "--max-increase: expected together with --compare"),
      ("--compare a --max-increase 1x", "--max-increase: expected a percentage such as 1%, or a share, found '1x'"),
      ("--data d", "--data: expected together with --tasks"),
      ("--tasks piqa", "--tasks: expected no FILE, found 'text.txt'"),
      ("--progress part text.txt", "--progress: expected one model and one FILE, found more"),
    ])
    func optionsThatDoNotGoTogetherAreRefused(_ options: String, _ message: String) throws {
      try workspace.expectFailure("eval -m model.safetensors text.txt \(options)", status: 64, message)
    }
  }
}
