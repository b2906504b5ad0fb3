import Foundation
import Testing

extension CommandRuns {
  @Suite struct BadOutputTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private static let writers = [
      "tokenize train --input text.txt --vocab-size 320 -o", "tokenize pack -m tokenizer.model --input text.txt -o",
      "convert model.safetensors -o",
    ]
    private static let printers = [
      "tokenize encode -m tokenizer.model text.txt", "tokenize decode -m tokenizer.model ids",
      "eval -m model.safetensors text.txt", "generate -m model.safetensors -n 20", "info model.safetensors",
      "train --config config.yaml --dry-run",
    ]

    @Test(arguments: writers)
    func outputsThatCannotBeWritten(_ command: String) throws {
      try workspace.expectFailure(
        "\(command) /dev/full", status: 74, "error: /dev/full: cannot write: No space left on device\n")
      try workspace.expectFailure(
        "\(command) none/new", status: 73, "error: none/new: cannot create: the folder 'none' does not exist\n")
      try workspace.expectFailure("\(command) .", status: 73, "error: .: cannot create: Is a directory\n")
      try workspace.expectFailure(
        "\(command) text.txt/new", status: 73, "error: text.txt/new: cannot create: Not a directory")
      // Not even root may create a file here.
      try workspace.expectFailure("\(command) /proc/new", status: 73, "error: /proc/new: cannot create: ")
    }

    @Test func validationOutputsThatCannotBeWritten() throws {
      let line = "tokenize pack -m tokenizer.model --input text.txt --documents line --validation-fraction 0.5"
      try workspace.expectFailure("\(line) -o a.tokens --validation-output none/b", status: 73, "none/b: cannot create")
      try workspace.expectFailure(
        "\(line) -o a.tokens --validation-output /dev/full", status: 74, "/dev/full: cannot write")
      try workspace.expectFailure(
        "\(line) -o a --validation-output a", status: 64,
        "--validation-output: expected another file than --output, found the same, 'a'")
    }

    @Test(arguments: printers)
    func fullDisksAndClosedPipes(_ command: String) throws {
      try workspace.write("5 6 7\n", "ids")
      try workspace.expectFailure(
        command, status: 74, "error: standard output: cannot write: No space left on device\n",
        output: .file("/dev/full"))
      let run = try workspace.run("\(command) -q", output: .closedPipe)
      #expect(run.status == 0)
      #expect(run.talk == "")
    }

    @Test func runFoldersThatCannotBeUsed() throws {
      let line = "train --config config.yaml -o"
      try workspace.expectFailure("\(line) /dev/full", status: 73, "error: /dev/full: cannot create: ")
      for path in ["text.txt", "text.txt/run"] {
        try workspace.expectFailure(
          "\(line) \(path)", status: 73, "error: text.txt: cannot create: a file is in its place\n")
      }
      try workspace.expectFailure("\(line) /proc/run", status: 73, "error: /proc/run: cannot create: ")
      _ = try workspace.result("\(line) run")
      try workspace.expectFailure(
        "\(line) run", status: 73,
        "error: run: expected a folder without a run, found one with checkpoints\nhint: resume it with --resume auto"
      )
    }

    @Test func aFailedCommandLeavesTheOldFile() throws {
      for (command, name) in [
        ("convert train.tokens -o", "model.safetensors"),
        ("tokenize pack -m tokenizer.model --input none -o", "train.tokens"),
        ("tokenize train --input text.txt --vocab-size 32000 -o", "tokenizer.model"),
      ] {
        let before = try workspace.bytes(name)
        #expect(try workspace.run("\(command) \(name)").status >= 65)
        #expect(try workspace.bytes(name) == before)
      }
    }

    @Test(arguments: [
      ("eval -m model.safetensors text.txt --chunk-length 0", "--chunk-length: expected 1 to 65536, found 0"),
      ("eval -m model.safetensors text.txt --chunk-length 8 --form parallel", "the parallel form has no chunks"),
      ("eval -m model.safetensors text.txt --form quick", "quick"),
      ("eval -m model.safetensors text.txt --fail-above 0", "--fail-above: expected more than 0, found 0.0"),
      ("eval -m model.safetensors text.txt --fail-above nan", "--fail-above: expected more than 0, found nan"),
      (
        "eval -m model.safetensors text.txt --documents page",
        "--documents: expected file, line, blank-line or separator"
      ),
      ("eval -m model.safetensors", "file"), ("eval text.txt", "--model"),
      ("generate -m model.safetensors --temp -1", "--temp: expected a number ≥ 0, found -1"),
      ("generate -m model.safetensors --temp inf", "--temp: expected a number ≥ 0, found inf"),
      ("generate -m model.safetensors --top-p 0", "--top-p: expected more than 0 and at most 1, found 0"),
      ("generate -m model.safetensors --top-k -1", "--top-k: expected at least 0, found -1"),
      ("generate -m model.safetensors -n -2", "-n: expected at least 0, or -1 for no limit, found -2"),
      ("generate -m model.safetensors -n many", "many"),
      ("generate -m model.safetensors --seed -1", "The value '-1' is invalid for '--seed <n>'"),
      ("generate -m model.safetensors -f text.txt -p x", "cannot be used together"),
      ("generate -m model.safetensors --min-p 1.5", "--min-p: expected 0 to 1, found 1.5"),
      ("generate -m model.safetensors --min-p -0.5", "--min-p: expected 0 to 1, found -0.5"),
      ("generate -m model.safetensors --undo-window 0 --state-out s", "--undo-window: expected 1 to 1048576, found 0"),
      ("generate -m model.safetensors --state-dtype bf16", "--state-dtype: expected together with --state-out"),
      ("generate -m model.safetensors --typical 0", "--typical: expected more than 0 and at most 1, found 0"),
      ("generate -m model.safetensors --repeat-penalty 0", "--repeat-penalty: expected a number above 0, found 0"),
      ("generate -m model.safetensors --repeat-last-n 70000", "--repeat-last-n: expected 0 to 65536, found 70000"),
      ("generate -m model.safetensors --presence-penalty nan", "--presence-penalty: expected a number, found nan"),
      ("generate -m model.safetensors --logit-bias 7", "logit-bias"),
      ("generate -m model.safetensors --logit-bias 320+1", "--logit-bias: expected an id from 0 to 319, found 320"),
      ("generate -m model.safetensors --beams 17", "--beams: expected 1 to 16, found 17"),
      ("generate -m model.safetensors --num-samples -2", "--num-samples: expected 1 to 65536, found -2"),
      ("generate -m model.safetensors --num-samples 0", "--num-samples: expected 1 to 65536, found 0"),
      ("generate -m model.safetensors --logprobs 3", "--logprobs: expected together with --json"),
      ("generate -m model.safetensors --json --logprobs 1001", "--logprobs: expected 0 to 1000, found 1001"),
      ("generate -m model.safetensors --prompts l -p x", "'--prompts' cannot be used with '-p'"),
      ("generate -m model.safetensors --beams 2 --num-samples 2", "'--beams' cannot be used with"),
      ("generate -m model.safetensors --num-samples 2 --state-out s", "cannot be used together"),
      ("generate -m model.safetensors --chunk-length 0", "--chunk-length: expected 1 to 65536, found 0"),
      ("convert model.safetensors -o new --dtype q8", "q8"), ("convert model.safetensors", "--output"),
      ("info", "file"), ("info model.safetensors model.safetensors extra", "extra"),
      ("info model.safetensors -t 0", "--threads"),
      ("train", "--config"), ("train --config config.yaml --resume", "--resume"),
      ("train --config config.yaml --resume model.safetensors", "--resume: expected auto, or a path such as"),
      (
        "train --config config.yaml -o a --resume b/checkpoints/step-00000001.safetensors",
        "--resume: expected a checkpoint of the run folder 'a'"
      ),
      ("train --config config.yaml --max-steps 0", "--max-steps: expected at least 1, found 0"),
      ("train --config config.yaml --max-time soon", "--max-time: expected a time such as 90s"),
      ("tokenize train --input text.txt -o new --vocab-size 0", "--vocab-size: expected 1 to 16777216, found 0"),
      (
        "tokenize train --input text.txt -o new --vocab-size 320 --character-coverage 2",
        "--character-coverage: expected"
      ),
      (
        "tokenize train --input text.txt -o new --vocab-size 320 --normalization upper",
        "normalization: expected identity"
      ),
      (
        "tokenize train --input text.txt -o new --vocab-size 320 --max-bytes 9",
        "--max-bytes: expected 65536 to 1073741824, found 9"
      ),
      ("tokenize train --input text.txt -o new --vocab-size 320 --model-type tree", "tree"),
      ("tokenize pack -m tokenizer.model --input text.txt -o new --validation-fraction 0.5", "go together"),
      (
        "tokenize pack -m tokenizer.model --input text.txt -o new --validation-output v --validation-fraction 1",
        "--validation-fraction: expected between 0 and 1, found 1.0"
      ),
      ("tokenize encode -m tokenizer.model --output-format text text.txt", "text"),
      ("generate -m model.safetensors --tmep 1", "--tmep"),
    ])
    func wrongUsage(_ line: String, _ message: String) throws {
      try workspace.expectFailure(line, status: 64, message)
    }

    @Test(arguments: ["sing", "tokenize cut", "tokenize train extra"])
    func unknownCommands(_ line: String) throws {
      let run = try workspace.run(line)
      #expect(run.status == 64)
      #expect(run.talk.hasPrefix("error: ") && run.talk.contains("Usage: retnet"))
      #expect(run.output.isEmpty)
    }

    @Test func aGroupOfCommandsShowsItsHelp() throws {
      #expect(try workspace.result("tokenize").contains("SUBCOMMANDS"))
    }

    @Test func inputsThatAreMissing() throws {
      for command in [
        "eval -m none text.txt", "generate -m none", "generate -m model.safetensors -f none", "convert none -o new",
        "convert model.safetensors -o new --tokenizer none", "info none", "tokenize encode -m none text.txt",
        "tokenize encode -m tokenizer.model none", "tokenize decode -m none text.txt",
        "tokenize pack -m none --input text.txt -o new", "tokenize train --input none --vocab-size 320 -o new",
      ] { try workspace.expectFailure(command, status: 66, "error: none: no such file\n") }
    }
  }
}
