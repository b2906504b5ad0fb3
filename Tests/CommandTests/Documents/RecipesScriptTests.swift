import Foundation
import TestSupport
import Testing

/// scripts/recipes.sh, where there is a Python for it.
@Suite(.enabled(if: FileManager.default.fileExists(atPath: "/usr/bin/python3"))) struct RecipesScriptTests {
  private let folder: TemporaryFolder

  private var url: URL { URL(fileURLWithPath: folder.path) }

  /// A program that trains nothing: each run of a candidate with decay is better than the baseline by 0.1.
  init() throws {
    folder = try TemporaryFolder()
    let script = """
      #!/bin/bash
      here=$(dirname "$0")
      echo "$@" >>"$here/calls"
      out() { local last=; for word in "$@"; do [[ $last != -o ]] || : >"$word"; last=$word; done; }
      case "$1 $*" in
        *"--version") printf 'retnet 1\n  commit   abc\n  cpu      Fast\n  blas core   Zen\n' ;;
        "tokenize "*) out "$@" ;;
        "info "*) echo '{"tokens": 100}' ;;
        "bench "*) echo '{"rows": [{"tokens_per_second": 2048}]}' ;;
        "train "*)
          if [[ -e $here/stop ]]; then exit 75; fi
          bits=1.5
          if [[ $* == *weight_decay=0.5* ]]; then bits=1.4; fi
          printf '{"runs": ['
          for seed in 1 2; do
            printf '{"values": {"training.learning_rate": 0.005}, "seed": %s, "state": "complete", ' $seed
            printf '"bits_per_byte": %s%s, "training_loss": 2.0, "seconds": 60}' $bits $seed
            if ((seed == 1)); then printf ', '; fi
          done
          printf ']}\n' ;;
      esac

      """
    try Data(script.utf8).write(to: url.appendingPathComponent("program"))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path + "/program")
    let text = (1...100).map { "Line \($0)\n" }.joined()
    try Data(text.utf8).write(to: url.appendingPathComponent("text"))
    let list = "# a list\n\nbaseline | | as it is\ndecay | training.weight_decay=0.5 | overfits less\n"
    try Data(list.utf8).write(to: url.appendingPathComponent("list"))
  }

  private func run(_ arguments: String) throws -> BinaryRun {
    let path = folder.path
    return try runBinary(
      arguments.split(separator: " ").map(String.init),
      environment: [
        "RETNET": path + "/program", "RECIPES": path + "/runs", "ROWS": path + "/docs/recipes", "TEXT": path + "/text",
        "CANDIDATES": path + "/list", "SIZES": path + "/list", "PYTHONDONTWRITEBYTECODE": "1",
      ], program: projectFolder.appendingPathComponent("scripts/recipes.sh"))
  }

  private func text(_ name: String) throws -> String {
    try String(contentsOf: url.appendingPathComponent(name), encoding: .utf8)
  }

  @Test func rowsAreKeptAndMakeTheDocument() throws {
    let first = try run("run --steps 290 --seeds 2")
    #expect(first.status == 0, "\(first.talk)")
    let calls = try text("calls").split(separator: "\n").filter { $0.hasPrefix("train ") }
    #expect(calls.count == 2)
    // A quarter of the steps has a quarter of the warm-up.
    #expect(calls[1].contains("--set=training.steps=290 --set=training.warmup_steps=25 "), "\(calls[1])")
    #expect(calls[1].contains("--set=training.weight_decay=0.5") && calls[1].hasSuffix("--seeds 2 -t 2"), "\(calls[1])")
    let rows = try text("docs/recipes/runs/decay.jsonl").split(separator: "\n")
    #expect(rows.count == 2 && rows[0].contains("\"bits_per_byte\": 1.41, ") && rows[0].contains("\"seed\": 1, "))
    // What is there is not trained again.
    #expect(try run("run --steps 290 --seeds 2").status == 0)
    #expect(try text("calls").split(separator: "\n").count { $0.hasPrefix("train ") } == 2)
    #expect(try run("time --rounds 2").status == 0)
    let document = try text("docs/RECIPES.md")
    let decay = "| decay | 1.4150 | 0.0071 | 2 | -0.1000 | "
    #expect(document.contains(decay) && document.contains("## 290 steps"), "\(document)")
    #expect(document.contains(" | 4.8 |\n"), "\(document)")
    #expect(document.contains("| decay | `training.weight_decay=0.5` | overfits less |\n"), "\(document)")
    let places = try ["| decay |", "| baseline |"].map { try #require(document.range(of: $0)).lowerBound }
    #expect(places[0] < places[1])
  }

  /// A size is a vocabulary, a number of reads and settings; its steps follow from them.
  @Test func sizesAreTrainedOnAPartOfAnyText() throws {
    let list = "baseline | vocabulary=300 reads=820 | as it is\nhalf | reads=410 training.batch_tokens=1024 | twice\n"
    try Data(list.utf8).write(to: url.appendingPathComponent("list"))
    try Data((1...20_000).map { "Line \($0)\n" }.joined().utf8).write(to: url.appendingPathComponent("long"))
    let first = try run("sizes --text mine=\(folder.path)/long --bytes 1000")
    #expect(first.status == 0, "\(first.talk)")
    let calls = try text("calls").split(separator: "\n")
    #expect(calls.contains { $0.hasPrefix("tokenize train ") && $0.contains("--vocab-size 300 ") })
    // 820 reads of 100 tokens in batches of 2,048; half of them in batches of 1,024.
    #expect(calls.count { $0.hasPrefix("train ") && $0.contains("--set=training.steps=40 ") } == 2, "\(calls)")
    #expect(!calls.contains { $0.contains("--set=reads") || $0.contains("--set=vocabulary") })
    let rows = try text("docs/recipes/sizes/mine-1000.jsonl").split(separator: "\n")
    // The stand-in trains two seeds each time.
    #expect(rows.count == 4 && rows[0].contains("\"bytes\": 1001, "), "\(rows)")
    let document = try text("docs/RECIPES.md")
    #expect(document.contains("### mine-1000\n\n1,001 bytes; the validation text has 50,006. xz -9e: "), "\(document)")
    #expect(document.contains("| half | 40 | "), "\(document)")
    #expect(document.contains("| half | `reads=410` `training.batch_tokens=1024` | twice |\n"), "\(document)")
    #expect(try run("sizes --text mine=\(folder.path)/long --bytes 1000").status == 0)
    #expect(try text("calls").split(separator: "\n").count { $0.hasPrefix("train ") } == 2)
    let missing = try run("sizes --text long")
    #expect(missing.status == 2 && missing.talk.contains("--text: expected a name of small letters"))
  }

  /// A stopped run leaves no row, and its status is passed on.
  @Test func aStopIsPassedOn() throws {
    try Data().write(to: url.appendingPathComponent("stop"))
    #expect(try run("run --steps 290 decay").status == 75)
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/docs/recipes/runs/decay.jsonl"))
  }

  @Test func namesAndListsThatCannotBeMeantAreTold() throws {
    let name = try run("run --steps 290 deccay")
    #expect(
      name.status == 1 && name.talk == "error: deccay: no such candidate; did you mean 'decay'?\n", "\(name.talk)")
    try Data("baseline | | x\nbad | weight_decay=1 | x\n".utf8).write(to: url.appendingPathComponent("list"))
    let list = try run("document")
    #expect(list.status == 1 && list.talk.contains("/list:2: expected settings such as training.beta2=0.99"))
  }
}
