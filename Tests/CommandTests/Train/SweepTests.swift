import Foundation
import Testing

extension CommandRuns {
  @Suite struct SweepTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private static let sweep = "train --config config.yaml -o out -q --sweep "
    private static let rates = "training.learning_rate=1e-3,1e-2"

    private func files(_ name: String) -> RunFiles {
      RunFiles(folder: workspace.folder.appendingPathComponent(name))
    }

    private func object(_ run: Any?) throws -> [String: Any] { try #require(run as? [String: Any]) }

    /// Each run is what the same settings give alone, and a row is the mean of its runs.
    @Test func aSweepIsItsRuns() throws {
      let line = "\(Self.sweep)\(Self.rates) --sweep model.width=16,32 --seeds 2"
      let report = try workspace.json(line + " --json")
      let runs = try #require(report["runs"] as? [[String: Any]])
      #expect(runs.count == 8 && runs.allSatisfy { $0["state"] as? String == "complete" })
      #expect(runs.map { $0["seed"] as? Int } == [1, 1, 1, 1, 2, 2, 2, 2])
      let name = "learning_rate=0.01,width=16,seed=2"
      #expect(runs[6]["folder"] as? String == name)
      _ = try workspace.result(
        "train --config config.yaml -o alone -q --set training.learning_rate=1e-2 --set model.width=16 "
          + "--set training.seed=2")
      try files("out/sweep/\(name)").expectEqual(files("alone"))

      let rows = try #require(report["rows"] as? [[String: Any]])
      #expect(rows.count == 4)
      let scores = try [runs[2], runs[6]].map { try #require($0["bits_per_byte"] as? Double) }
      let mean = (scores[0] + scores[1]) / 2
      #expect(abs(try #require(rows[2]["bits_per_byte"] as? Double) - mean) < 1e-12)
      let deviation = abs(scores[0] - scores[1]) / 2.0.squareRoot()
      #expect(abs(try #require(rows[2]["bits_per_byte_deviation"] as? Double) - deviation) < 1e-9)
      #expect(rows.filter { $0["best"] as? Bool == true }.count == 1)
      let best = try #require(report["best_row"] as? Int)
      #expect(rows.allSatisfy { ($0["bits_per_byte"] as? Double ?? 0) >= rows[best]["bits_per_byte"] as? Double ?? 9 })

      #expect(try workspace.text("out/sweep/sweep.json") == workspace.result(line + " --json"))
      for key in ["learning_rate", "width"] {
        #expect(try workspace.text("out/sweep/\(key).svg").hasPrefix("<svg "))
      }
      // Nothing is made again; a terminal gets a table.
      let before = try workspace.contents
      let again = try workspace.run(line.replacing(" -q", with: ""))
      #expect(again.status == 0 && !again.talk.contains("run 1 of"), "\(again.talk)")
      #expect(again.text.hasPrefix("learning_rate  width  bits/byte    ± sd  ") && again.text.contains("  best\n"))
      #expect(try workspace.contents == before)
    }

    /// Stopped by a signal, then killed, it ends as one that was left alone.
    @Test func aStoppedSweepGoesOn() throws {
      let settings =
        "--set training.steps=400 --set training.log_every=1 --set training.checkpoint_every=50 "
        + "--set training.evaluate_every=100"
      let line = "\(Self.sweep)\(Self.rates) \(settings)"
      let names = ["learning_rate=0.001,seed=1", "learning_rate=0.01,seed=1"]
      let first = try RunningBinary(line, in: workspace.folder)
      try first.wait { files("out/sweep/\(names[0])").metricsLineCount >= 20 }
      first.signal(SIGTERM)
      #expect(first.status() == 75)
      let second = try RunningBinary(line, in: workspace.folder)
      try second.wait { files("out/sweep/\(names[1])").metricsLineCount >= 80 }
      second.signal(SIGKILL)
      #expect(second.status() == 128 + SIGKILL)
      let last = try workspace.run(line.replacing(" -q", with: "") + " --json")
      #expect(last.status == 0 && !last.talk.contains("run 1 of 2"), "\(last.talk)")
      #expect(last.talk.contains("run 2 of 2: learning_rate=0.01,seed=1\n"), "\(last.talk)")
      let whole = try workspace.json(line.replacing("-o out", with: "-o whole") + " --json")
      for name in names { try files("out/sweep/\(name)").expectEqual(files("whole/sweep/\(name)")) }
      let (rows, expected) = (
        try jsonObject(last.text)["rows"] as? [[String: Any]], whole["rows"] as? [[String: Any]]
      )
      for key in ["bits_per_byte", "validation_loss", "training_loss"] {
        #expect(rows?.map { $0[key] as? Double } == expected?.map { $0[key] as? Double })
      }
      #expect(
        try workspace.text("out/sweep/learning_rate.svg") == workspace.text("whole/sweep/learning_rate.svg"))
    }

    @Test func aRunThatDivergesIsARow() throws {
      let line = "\(Self.sweep)training.learning_rate=1e30,1e-2"
      let run = try workspace.run(line)
      #expect(run.status == 76, "\(run.talk)")
      #expect(
        run.talk.contains("error: 1 of 2 runs failed: out/sweep/learning_rate=1.0e+30,seed=1: step "), "\(run.talk)")
      let lines = run.text.split(separator: "\n")
      #expect(lines.count == 3 && lines[1].hasSuffix("  failed") && lines[2].hasSuffix("  best"), "\(run.text)")
      #expect(try workspace.text("out/sweep/learning_rate.svg").contains("× a run failed"))
      // The same steps would end in the same way.
      let again = try workspace.run(line.replacing(" -q", with: ""))
      #expect(again.status == 76 && again.text == run.text && !again.talk.contains("run 1 of"), "\(again.talk)")
    }

    @Test func moreValuesAndSeedsAreAdded() throws {
      _ = try workspace.result("\(Self.sweep)training.learning_rate=1e-3")
      let kept = try workspace.bytes("out/sweep/learning_rate=0.001,seed=1/metrics.jsonl")
      let runs = try workspace.json("\(Self.sweep)training.learning_rate=0.002,0.001 --seeds 2 --json")["runs"]
      #expect((runs as? [[String: Any]])?.count == 4)
      #expect(try workspace.bytes("out/sweep/learning_rate=0.001,seed=1/metrics.jsonl") == kept)
    }

    @Test func anotherConfigurationIsRefused() throws {
      _ = try workspace.result(Self.sweep + Self.rates)
      let folder = "out/sweep/learning_rate=0.001,seed=1"
      try workspace.expectFailure(
        "\(Self.sweep)\(Self.rates) --set training.weight_decay=0.2", status: 78,
        "\(folder): training.weight_decay: expected 0.05, as when the sweep began, found 0.2")
      try workspace.expectFailure(
        "\(Self.sweep)\(Self.rates) --init-from model.safetensors", status: 78,
        "\(folder): --init-from: expected no model, as when the sweep began, found ")
      try workspace.write(workspace.bytes("train.tokens"), "validation.tokens")
      try workspace.expectFailure(
        Self.sweep + Self.rates, status: 78, "\(folder): data.validation: expected the digest ")
      try workspace.write("{}", "out/sweep/sweep.json")
      try workspace.expectFailure(
        Self.sweep + Self.rates, status: 65, "out/sweep/sweep.json: expected what 'retnet train --sweep' writes")
    }

    @Test func runsStartFromAModel() throws {
      let line = "\(Self.sweep)\(Self.rates) --init-from model.safetensors"
      _ = try workspace.result(line)
      _ = try workspace.result(line)
      #expect(
        try workspace.text("out/sweep/learning_rate=0.01,seed=1/config.yaml").hasPrefix("# begun with "))
    }

    @Test func aDryRunListsTheRuns() throws {
      let before = try workspace.contents
      let line = "\(Self.sweep)model.width=16,32 --seeds 2 --dry-run -t 2"
      let text = try workspace.result(line)
      let lines = text.split(separator: "\n")
      #expect(lines.count == 6 && lines[0].hasPrefix("run              steps  parameters  "), "\(text)")
      #expect(lines[1].hasPrefix("width=16,seed=1     12  ") && lines[4].hasPrefix("width=32,seed=2 "))
      #expect(lines[5].hasPrefix("4 runs, one after the other: at most ") && lines[5].hasSuffix(" on 2 threads"))
      let report = try workspace.json(line + " --json")
      #expect((report["runs"] as? [[String: Any]])?.count == 4 && report["eta_seconds"] as? Double ?? 0 > 0)
      #expect(try workspace.contents == before)
    }

    @Test func valuesMayBeWordsPathsAndLists() throws {
      let report = try workspace.json(
        "\(Self.sweep)training.schedule=linear,cosine --sweep training.train_only=[embed.weight,lm_head.weight],[] --json"
      )
      let folders = try #require(report["runs"] as? [[String: Any]]).compactMap { $0["folder"] as? String }
      #expect(folders.count == 4 && Set(folders).count == 4)
      #expect(folders[0].hasPrefix("schedule=linear,train_only=_embed.weight,_lm_head.weight_,seed=1~"), "\(folders)")
      #expect(folders[3].hasPrefix("schedule=cosine,train_only=__,seed=1~"), "\(folders)")
    }

    @Test(arguments: [
      ("--sweep training.learning_rat=1,2", 78, "--sweep: key 'training.learning_rat': unknown key; did you mean"),
      ("--sweep trainin.seed=1,2", 78, "--sweep: key 'trainin': unknown block; expected model, data, training"),
      ("--sweep training.learning_rate=1e-3,0", 78, "--sweep: key 'training.learning_rate': expected a number > 0"),
      ("--sweep training.schedule=cosine,lineer", 78, "did you mean 'linear'?"),
      ("--sweep training.learning_rate", 64, "--sweep: expected block.key=a,b,c, found 'training.learning_rate'"),
      ("--sweep training.learning_rate=", 64, "expected values separated by commas, found ''"),
      ("--sweep training.learning_rate=1,,2", 64, "expected values separated by commas, found '1,,2'"),
      ("--sweep training.learning_rate=1e-3,0.001", 64, "expected different values, found 1e-3 and 0.001"),
      ("--sweep training.beta1=0.8,0.9 --sweep training.beta1=0.7", 64, "training.beta1: expected each key once"),
      ("--sweep training.beta1=0.8,0.9 --seeds 100 --sweep training.beta2=0.8,0.9", 64, "found 400 (2 × 2 × 100)"),
      ("--sweep training.seed=1,2 --seeds 2", 64, "--seeds: expected 1, as training.seed is swept, found 2"),
      ("--sweep data.validation=validation.tokens", 64, "expected a key that leaves the validation text as it is"),
      ("--sweep training.beta1=0.8 --set data.validation=", 78, "config.yaml: data.validation: expected a token file"),
      ("--sweep training.steps=1,12", 78, "training.warmup_steps"),
      ("--sweep model.width=16,33", 78, "model."),
      ("--sweep data.train=train.tokens,missing.tokens", 66, "missing.tokens: no such file"),
      ("--seeds 2", 64, "--seeds: expected together with --sweep, found 2"),
      ("--sweep training.beta1=0.8 --seeds 0", 64, "--seeds: expected 1 to 100, found 0"),
      ("--sweep training.beta1=0.8 --max-steps 3", 64, "--max-steps: not together with --sweep"),
      ("--sweep training.beta1=0.8 --resume auto", 64, "--resume: not together with --sweep"),
      ("--sweep model.width=32,65536 --set model.layers=1000", 78, "expected a run that fits into "),
    ])
    func wrongInputsAreToldBeforeAnythingRuns(_ options: String, _ status: Int32, _ message: String) throws {
      try workspace.expectFailure("train --config config.yaml -o new \(options)", status: status, message)
    }
  }
}
