import Foundation
import Testing

extension CommandRuns {
  /// Prompts at the edges: none, cut, or of bytes that are hardly a text.
  @Suite struct PromptTests {
    private let workspace: Workspace
    private static let line = "generate -m model.safetensors --ignore-eos -q --temp 0"

    init() throws { workspace = try Workspace() }

    @Test func noTokensAreMadeIfNoneAreAskedFor() throws {
      #expect(try workspace.result("\(Self.line) -p light -n 0") == "\n")
      let report = try jsonObject(try workspace.result("\(Self.line) -p light -n 0 --json --logprobs 2"))
      #expect(report["text"] as? String == "" && report["tokens"] as? Int == 0)
      #expect((report["ids"] as? [Int])?.isEmpty == true && (report["logprobs"] as? [Any])?.isEmpty == true)
      #expect(report["finish_reason"] as? String == "length")
      #expect(try workspace.result("\(Self.line) -p light -n 0 --num-samples 3") == "\n---\n\n---\n\n")
      let answers = try workspace.result("\(Self.line) -n 0 --prompts -", input: #"{"prompt":"a"}"#)
      #expect(try jsonObject(answers)["tokens"] as? Int == 0)
      let beams = try jsonObject(try workspace.result("\(Self.line) -p light -n 0 --beams 2 --json"))["beams"] as? [Any]
      #expect(beams?.count == 1)
    }

    @Test func anEmptyPromptStartsFromBOS() throws {
      let none = try workspace.result("\(Self.line) -n 8")
      #expect(none.count > 1)
      try workspace.write("", "empty.txt")
      #expect(try workspace.run(Self.line.split(separator: " ").map(String.init) + ["-n", "8", "-p", ""]).text == none)
      #expect(try workspace.result("\(Self.line) -n 8 -f empty.txt") == none)
      #expect(try workspace.result("\(Self.line) -n 8 -p -") == none)
      let report = try jsonObject(try workspace.result("\(Self.line) -n 8 --json"))
      #expect(report["prompt_tokens"] as? Int == 1)
      #expect((report["text"] as? String ?? "") + "\n" == none)
    }

    @Test func aPromptThatIsNoTextIsNamed() throws {
      try workspace.write(Data("light\nl\u{e9}".utf8.dropLast()), "cut.txt")
      let message = "line 2, byte offset 7: expected UTF-8, found other bytes"
      try workspace.expectFailure("\(Self.line) -f cut.txt", status: 65, "error: cut.txt: \(message)")
      let run = try runBinary(
        Self.line.split(separator: " ").map(String.init) + ["-p", "-"], input: workspace.bytes("cut.txt"),
        in: workspace.folder)
      #expect(run.status == 65 && run.output.isEmpty)
      #expect(run.talk.hasPrefix("error: standard input: \(message)"))
      try workspace.expectFailure("\(Self.line) -f none.txt", status: 66, "error: none.txt: no such file")
      try workspace.expectFailure("\(Self.line) -f .", status: 66, "error: .: expected a regular file")
    }

    @Test func aPipeGetsTheTextAndNothingElse() throws {
      for flags in ["-p light -n 9 --ignore-eos", "-p light -n 3 --num-samples 2", "-p light -n 3 --json", "--follow"] {
        let run = try workspace.run("generate -m model.safetensors \(flags)")
        #expect(run.status == 0 && run.messages.isEmpty, "\(flags): \(run.talk)")
        #expect(!run.text.contains("\u{1B}") && !run.text.contains("> "), "\(flags): \(run.text)")
      }
      let refused = try workspace.run("generate -m none -p light")
      #expect(refused.talk == "error: none: no such file\n")
    }

    @Test func anEmptyStopStringIsRefused() throws {
      let run = try workspace.run(Self.line.split(separator: " ").map(String.init) + ["-p", "light", "--stop", ""])
      #expect(run.status == 64 && run.output.isEmpty)
      #expect(run.talk.hasPrefix("error: --stop: expected a text, found none\n"))
    }

    @Test func zeroBytesAreReadLikeOthers() throws {
      try workspace.write("light\u{0}day\u{0}", "zero.txt")
      let ids = try workspace.result("tokenize encode -m tokenizer.model --bos zero.txt").split { " \n".contains($0) }
      let report = try jsonObject(try workspace.result("\(Self.line) -f zero.txt -n 4 --json"))
      #expect(report["prompt_tokens"] as? Int == ids.count)
      let shown = try workspace.run("\(Self.line) -f zero.txt -n 0 --display-prompt")
      #expect(shown.output == Data("light\u{0}day\u{0}\n".utf8))
    }

    @Test func aCharacterAcrossRunsIsWholeInTheirIDs() throws {
      let bytes = try workspace.result("tokenize encode -m tokenizer.model", input: "\u{1F40E}")
        .split { " \n".contains($0) }.suffix(4)
      _ = try workspace.result("\(Self.line) -p light -n 0 --state-out s")
      var ids: [Int] = []
      for byte in bytes {
        let line = "\(Self.line) -n 1 --logit-bias \(byte)+1000 --state-in s --state-out s --json"
        let report = try jsonObject(try workspace.result(line))
        #expect(report["text"] as? String == "\u{FFFD}")
        ids += report["ids"] as? [Int] ?? []
      }
      let list = ids.map(String.init).joined(separator: " ")
      #expect(try workspace.result("tokenize decode -m tokenizer.model", input: list) == "\u{1F40E}")
    }
  }
}
