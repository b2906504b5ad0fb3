import Foundation
import Testing

extension CommandRuns {
  /// No output destroys an input or another output; no path is empty.
  @Suite struct CommandFilesTests {
    private let workspace: Workspace

    init() throws {
      workspace = try Workspace()
      try workspace.write(#"{"prompt":"light"}"# + "\n", "prompts.jsonl")
    }

    private func link(_ name: String, to target: String) throws {
      try FileManager.default.createSymbolicLink(
        atPath: workspace.folder.appendingPathComponent(name).path, withDestinationPath: target)
    }

    @Test(arguments: [
      ("tokenize train --vocab-size 320 --input text.txt -o ./text.txt", "expected another file than --input, found"),
      ("tokenize train --vocab-size 320 --input text.txt -o link", "--output: expected another file than --input"),
      ("tokenize train --vocab-size 320 --input link -o text.txt", "--output: expected another file than --input"),
      ("tokenize train --vocab-size 320 --input text.txt -o hard", "--output: expected another file than --input"),
      ("tokenize pack -m tokenizer.model --input text.txt -o text.txt", "expected another file than --input, found"),
      ("tokenize pack -m tokenizer.model --input text.txt -o tokenizer.model", "another file than --model, found"),
      (
        "tokenize pack -m tokenizer.model --input text.txt --documents line --validation-fraction 0.5 -o new "
          + "--validation-output ./new",
        "--validation-output: expected another file than --output, found the same, './new'"
      ),
      (
        "tokenize pack -m tokenizer.model --input text.txt --documents line --validation-fraction 0.5 -o dangling "
          + "--validation-output later",
        "--validation-output: expected another file than --output"
      ),
      (
        "tokenize pack -m tokenizer.model --input text.txt --documents line --validation-fraction 0.5 -o new "
          + "--validation-output text.txt",
        "--validation-output: expected another file than --input"
      ),
      ("convert model.safetensors -o ./model.safetensors", "--output: expected another file than IN"),
      ("convert model.safetensors --report text.txt -o text.txt", "--output: expected another file than --report"),
      ("convert model.safetensors --tokenizer tokenizer.model -o tokenizer.model", "another file than --tokenizer"),
      ("generate -m model.safetensors -n 1 --state-out model.safetensors", "--state-out: expected another file than"),
      ("generate -m model.safetensors -n 1 -f text.txt --state-out link", "--state-out: expected another file than"),
      ("train --config config.yaml -o .", "./config.yaml: expected another file than --config, found the same"),
    ])
    func outputsThatAreOtherFilesOfTheCommand(_ line: String, _ message: String) throws {
      try link("link", to: "text.txt")
      try link("dangling", to: "later")
      try FileManager.default.linkItem(
        at: workspace.folder.appendingPathComponent("text.txt"), to: workspace.folder.appendingPathComponent("hard"))
      try workspace.expectFailure(line, status: 64, message)
    }

    @Test func statesAreReplacedOnlyWhereThatIsMeant() throws {
      _ = try workspace.result("generate -m model.safetensors -q -p light -n 9 --undo-window 8 --state-out a")
      try workspace.expectFailure("state fork a -s 2 -o ./a", status: 64, "--output: expected another file than FILE")
      try workspace.expectFailure(
        "state undo a 1 -m model.safetensors -o model.safetensors", status: 64,
        "--output: expected another file than --model")
      // In place: what would be written elsewhere.
      _ = try workspace.result("state undo a 2 -m model.safetensors -o b")
      _ = try workspace.result("generate -m model.safetensors -q -n 3 --state-in b --state-out c")
      _ = try workspace.result("state undo a 2 -m model.safetensors -o ./a")
      #expect(try workspace.bytes("a") == workspace.bytes("b"))
      _ = try workspace.result("generate -m model.safetensors -q -n 3 --state-in a --state-out a")
      #expect(try workspace.bytes("a") == workspace.bytes("c"))
    }

    @Test func aRunDoesNotReplaceWhatItReads() throws {
      _ = try workspace.result("train --config config.yaml -o run --max-steps 2 -q")
      // The configuration of a run is there to go on with.
      let line = "train --config run/config.yaml -o run"
      _ = try workspace.result("\(line) --resume auto -q")
      try FileManager.default.removeItem(at: workspace.folder.appendingPathComponent("run/checkpoints"))
      try FileManager.default.removeItem(at: workspace.folder.appendingPathComponent("run/metrics.jsonl"))
      try workspace.expectFailure(line, status: 64, "run/config.yaml: expected another file than --config")
      try workspace.expectFailure(
        "train --config config.yaml -o run --init-from run/best.safetensors", status: 64,
        "run/best.safetensors: expected another file than --init-from")
    }

    @Test func weightsInAFolderAreInputsToo() throws {
      try FileManager.default.copyItem(
        at: projectFolder.appendingPathComponent("Tests/Golden/fla-separate"),
        to: workspace.folder.appendingPathComponent("weights"))
      for name in ["model-00002-of-00002.safetensors", "config.json", "tokenizer.model"] {
        try workspace.expectFailure(
          "convert weights -o weights/\(name)", status: 64, "--output: expected another file than a file of IN")
      }
    }

    @Test(arguments: [
      ("tokenize train --vocab-size 320 --input text.txt -o", "--output"),
      ("tokenize train --vocab-size 320 -o new --input", "--input"),
      ("tokenize pack -m tokenizer.model --input text.txt -o", "--output"),
      ("tokenize pack --input text.txt -o new -m", "--model"), ("tokenize encode -m tokenizer.model", "FILE"),
      ("tokenize decode -m tokenizer.model", "FILE"), ("train --config config.yaml -o", "--output"),
      ("train --config", "--config"), ("train --config config.yaml -o new --init-from", "--init-from"),
      ("eval -m model.safetensors", "FILE"), ("eval text.txt -m", "--model"),
      ("generate -m model.safetensors --state-out", "--state-out"), ("generate -m", "--model"),
      ("generate -m model.safetensors --state-in", "--state-in"), ("generate -m model.safetensors -f", "--file"),
      ("generate -m model.safetensors --prompts", "--prompts"), ("convert model.safetensors -o", "--output"),
      ("convert -o new", "IN"), ("info", "FILE"), ("verify", "MODEL"), ("verify model.safetensors --file", "--file"),
      ("state info", "FILE"), ("state fork model.safetensors -o", "--output"), ("bench train --config", "--config"),
      ("bench generate -m", "--model"),
    ])
    func emptyPaths(_ line: String, _ name: String) throws {
      let before = try workspace.contents
      let run = try workspace.run(line.split(separator: " ").map(String.init) + [""])
      #expect(run.status == 64, "\(run.talk)")
      #expect(run.talk.hasPrefix("error: \(name): expected a path, found an empty one\n"), "\(run.talk)")
      #expect(try workspace.contents == before)
    }

    @Test func emptyPathsInAConfiguration() throws {
      for (setting, message) in [
        ("data.train=", "key 'data.train': expected a token file, found none"),
        ("data.train=[train.tokens, \"\"]", "key 'data.train': expected paths, found an empty one"),
        ("data.tokenizer=", "key 'data.tokenizer': expected a tokenizer, found none"),
      ] {
        let run = try workspace.run(["train", "--config", "config.yaml", "-o", "new", "-q", "--set", setting])
        #expect(run.status == 78)
        #expect(run.talk.contains(message), "\(run.talk)")
      }
      #expect(!FileManager.default.fileExists(atPath: workspace.folder.appendingPathComponent("new").path))
    }

    @Test func devicesMayBeNamedAsOftenAsWanted() throws {
      _ = try workspace.result(
        "tokenize pack -m tokenizer.model --input text.txt --documents line --validation-fraction 0.5 -o /dev/null "
          + "--validation-output /dev/null")
    }
  }
}
