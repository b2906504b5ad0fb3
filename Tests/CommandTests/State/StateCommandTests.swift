import Foundation
import Testing

extension CommandRuns {
  @Suite struct StateCommandTests {
    private let workspace: Workspace
    private static let line = "generate -m model.safetensors --ignore-eos -q"

    init() throws { workspace = try Workspace() }

    @Test(arguments: ["--temp 0", "--temp 1.2 -s 4"])
    func goingOnIsNeverHavingStopped(_ options: String) throws {
      let whole = try workspace.result("\(Self.line) -p light -n 60 \(options)")
      let first = try workspace.result("\(Self.line) -p light -n 25 \(options) --state-out a")
      let rest = options.replacing(" -s 4", with: "")
      let second = try workspace.result("\(Self.line) -n 35 \(rest) --state-in a --state-out b -t 1")
      #expect(String(first.dropLast()) + second == whole)
      let report = try workspace.json("state info b --json")
      #expect(report["kind"] as? String == "state")
      #expect(report["tokens"] as? Int == (try workspace.json("state info a --json")["tokens"] as? Int).map { $0 + 35 })
      #expect(try workspace.json("info b --json") as NSDictionary == report as NSDictionary)
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func aSignalLeavesTheState(_ number: Int32) throws {
      let running = try RunningBinary(
        "\(Self.line) -p light -n 100000000 --temp 0 --state-out left >told", in: workspace.folder)
      try running.wait { (try? workspace.bytes("told").count) ?? 0 > 100 }
      running.signal(number)
      #expect(running.status() == 75)
      _ = try workspace.result("\(Self.line) -p light -n 0 --state-out start")
      let read = try ["left", "start"].map {
        try #require(try workspace.json("state info \($0) --json")["tokens"] as? Int)
      }
      let text = try workspace.result(
        "\(Self.line) -p light -n \(read[0] - read[1]) --temp 0 --state-out direct")
      #expect(try workspace.text("told") == text)
      #expect(try workspace.bytes("left") == workspace.bytes("direct"))
    }

    /// Texts that are told at their end are told as far as they are.
    @Test(arguments: [
      ("-p light --json", 1), ("-p light --num-samples 3", 3), ("-p light --num-samples 2 --json", 2),
      ("--prompts prompts.jsonl", 2),
    ])
    func aSignalTellsWhatIsMade(_ options: String, _ count: Int) throws {
      try workspace.write("{\"prompt\": \"light\"}\n{\"prompt\": \"day\"}\n", "prompts.jsonl")
      let running = try RunningBinary("\(Self.line) -n -1 \(options) >told", in: workspace.folder)
      // Long past the prompts.
      try running.wait { running.processorSeconds > 1 }
      running.signal(SIGINT)
      #expect(running.status() == 130)
      let told = try workspace.text("told")
      if options.contains("json") {
        #expect(told.components(separatedBy: "\"signal\"").count == count + 1, "\(told.prefix(300))")
      } else {
        #expect(told.components(separatedBy: "\n---\n").count == count && told.count > 1_000)
      }
    }

    @Test func aSignalInThePromptLeavesWhatWasRead() throws {
      let fifo = workspace.folder.appendingPathComponent("fifo").path
      try #require(unsafe mkfifo(fifo, 0o600) == 0)
      // Opened for both, so that the prompt does not end.
      let descriptor = unsafe open(fifo, O_RDWR | O_CLOEXEC)
      defer { close(descriptor) }
      let prompt = String(TinyProject.text.prefix(20_000))
      let running = try RunningBinary(
        "\(Self.line) -p - --display-prompt --state-out left <fifo >told", in: workspace.folder)
      _ = unsafe Array(prompt.utf8).withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
      try running.wait { (try? workspace.bytes("told").count) ?? 0 >= 20_000 }
      running.signal(SIGTERM)
      #expect(running.status() == 75)
      let left = try #require(try workspace.json("state info left --json")["tokens"] as? Int)
      #expect(left > 0)
      // The same prompt goes on from there.
      try workspace.write(prompt, "prompt.txt")
      let whole = try workspace.result("\(Self.line) -f prompt.txt -n 20 --temp 0")
      let again = try workspace.run(
        "generate -m model.safetensors --ignore-eos -f prompt.txt -n 20 --temp 0 --state-in left")
      #expect(again.text == whole)
      let digits = String(left % 1_000 + 1_000).dropFirst()
      let shown = left < 1_000 ? "\(left)" : "\(left / 1_000),\(digits)"
      #expect(again.talk.contains("reused \(shown) of "), "\(again.talk)")
    }

    @Test func knownPromptsAreReused() throws {
      let prompt = String(TinyProject.text.prefix(3_000))
      try workspace.write(prompt, "prompt.txt")
      // Cut after a line, where the ids of the beginning are the beginning of the ids.
      let end = try #require(prompt.prefix(2_000).lastIndex(of: "\n"))
      try workspace.write(String(prompt[...end]), "start.txt")
      let whole = try workspace.result("\(Self.line) -f prompt.txt -n 20 --temp 0")
      _ = try workspace.result("\(Self.line) -f start.txt -n 0 --state-out a")
      let known = try #require(try workspace.json("state info a --json")["tokens"] as? Int)
      let line = "generate -m model.safetensors --ignore-eos -f prompt.txt -n 20 --temp 0"
      let again = try workspace.run("\(line) --state-in a")
      #expect(again.text == whole)
      #expect(known > 1_000)
      let shown = "\(known / 1_000),\(String(known % 1_000 + 1_000).dropFirst())"
      #expect(again.talk.contains("reused \(shown) of "))
      #expect(!again.talk.contains("reused \(shown) of \(shown) "))
      // Another prompt is read after the state.
      try workspace.write(String(prompt[prompt.index(after: end)...]), "rest.txt")
      let after = try workspace.run("\(line.replacing("prompt.txt", with: "rest.txt")) --state-in a")
      #expect(after.text == whole)
      #expect(after.talk.contains("reused 0 of "))
      // The whole prompt once more: nothing new to read.
      _ = try workspace.result("\(Self.line) -f prompt.txt -n 0 --state-out b")
      let all = try workspace.run("\(line) --state-in b")
      #expect(all.text == whole)
      #expect(all.talk.contains("reused"))
    }

    @Test func undoTakesBackTokens() throws {
      _ = try workspace.result("\(Self.line) -p light -n 30 --state-out a --undo-window 20 --state-ids --temp 0")
      _ = try workspace.result("\(Self.line) -p light -n 18 --state-out b --undo-window 20 --state-ids --temp 0")
      _ = try workspace.result("state undo a 12 -m model.safetensors -o c")
      #expect(try workspace.bytes("b") == workspace.bytes("c"))
      let diff = try workspace.json("state diff b c --json")
      #expect(diff["same_text"] as? Bool == true)
      #expect(diff["largest_difference"] as? Double == 0)
      let other = try workspace.run("state diff a c")
      #expect(other.status == 1)
      #expect(other.text.contains("same text"))
      _ = try workspace.result("state undo c 3 -m model.safetensors -o c")
      let tokens = try workspace.json("state info c --json")["tokens"] as? Int
      #expect(tokens == (try workspace.json("state info b --json")["tokens"] as? Int).map { $0 - 3 })
    }

    @Test func forksGoTheirOwnWay() throws {
      _ = try workspace.result("\(Self.line) -p light -n 9 --state-out a --undo-window 5 --state-ids")
      _ = try workspace.result("state fork a -o copy")
      #expect(try workspace.bytes("a") == workspace.bytes("copy"))
      _ = try workspace.result("state fork a -o other -s 99")
      let go = "\(Self.line) -n 40 --temp 1.5 --state-in"
      #expect(try workspace.result("\(go) copy") == workspace.result("\(go) a"))
      #expect(try workspace.result("\(go) other") != workspace.result("\(go) a"))
      _ = try workspace.result("state fork a -o half --state-dtype bf16 --forget")
      let half = try workspace.json("state info half --json")
      #expect(half["dtype"] as? String == "bf16")
      #expect(half["has_ids"] as? Bool == false)
      #expect(half["undo_window"] as? Int == nil)
      #expect(try workspace.run("\(go) half").status == 0)
      #expect(try workspace.run("state diff half a").status == 1)
    }

    @Test func statesThatDoNotFitAreRefused() throws {
      _ = try workspace.result("\(Self.line) -p light -n 9 --state-out a")
      _ = try workspace.result("convert model.safetensors -o half.safetensors --dtype bf16")
      try workspace.expectFailure(
        "generate -m half.safetensors --state-in a", status: 65, "error: a: expected a state of the model ")
      try workspace.expectFailure(
        "generate -m model.safetensors --state-in model.safetensors", status: 65,
        "error: model.safetensors: expected a state, found a model file\nhint: write one with: retnet generate -m ")
      try workspace.expectFailure("generate -m model.safetensors --state-in none", status: 66, "none: no such file")
      try workspace.expectFailure("state info text.txt", status: 65, "error: text.txt: ")
      try workspace.expectFailure("state undo a 1 -m model.safetensors -o b", status: 65, "an undo window, found none")
      try workspace.expectFailure(
        "generate -m model.safetensors --state-in a --chunk-length 9", status: 64,
        "--chunk-length: expected 64, the state's value, found 9")
      try workspace.expectFailure(
        "generate -m model.safetensors --state-in a --state-out b --state-ids", status: 64,
        "--state-ids: expected a state with the ids of its ")
      _ = try workspace.result("\(Self.line) -p light -n 9 --state-out w --undo-window 5")
      try workspace.expectFailure(
        "generate -m model.safetensors --state-in w --state-out b --undo-window 6", status: 64,
        "--undo-window: expected 5, the state's value, found 6")
      try workspace.expectFailure(
        "state undo w 900 -m model.safetensors -o b", status: 64,
        "error: w: expected at most 14 tokens to undo, found 900")
      try workspace.expectFailure(
        "state undo w 0 -m model.safetensors -o b", status: 64, "expected at least 1, found 0")
      try workspace.expectFailure(
        "generate -m model.safetensors --state-out b --undo-window 0", status: 64, "expected 1 to 1048576, found 0")
      try workspace.expectFailure(
        "generate -m model.safetensors --state-ids", status: 64, "--state-ids: expected together with --state-out")
      try workspace.expectFailure("generate -m model.safetensors --state-out no/b", status: 73, "no/b: cannot create")
      try workspace.expectFailure("state fork a -o no/b", status: 73, "no/b: cannot create")
    }
  }
}
