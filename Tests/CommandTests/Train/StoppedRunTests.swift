import Foundation
import Testing

extension CommandRuns {
  /// Runs that stop before their end, and runs that are found again from elsewhere.
  @Suite struct StoppedRunTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private func files(_ name: String) -> RunFiles {
      RunFiles(folder: workspace.folder.appendingPathComponent(name))
    }

    private func path(_ name: String) -> String { workspace.folder.appendingPathComponent(name).path }

    private static let unevaluated = "train --config config.yaml -q --set training.evaluate_every=0"

    /// Where a stop finds no best model it makes one, of which the run does not know.
    @Test(arguments: ["", "--set training.state_tuning=true --set training.learning_rate=0.1"])
    func aStopMakesABestModel(_ tuning: String) throws {
      let line = "\(Self.unevaluated) \(tuning)"
      let start = tuning.isEmpty ? "" : "--init-from model.safetensors "
      let best = tuning.isEmpty ? "best.safetensors" : "best.state.safetensors"
      let first = try workspace.result("\(line) \(start)-o run --max-steps 5")
      #expect(first.hasPrefix("run/\(best)  ") && first.hasSuffix(" bits per byte on validation.tokens\n"), "\(first)")
      let kept = try workspace.bytes("run/\(best)")
      #expect(try files("run").metrics.allSatisfy { $0["validation_loss"] == nil })
      // A later stop has a later model.
      #expect(try workspace.result("\(line) -o run --resume auto --max-steps 7").hasPrefix("run/\(best)  "))
      #expect(try workspace.bytes("run/\(best)") != kept)
      // At the same step, named or not, it is made again.
      let again = try workspace.run("\(line) --resume run/checkpoints/step-00000007.safetensors --max-steps 7")
      #expect(again.status == 0 && !again.talk.contains("no longer part"), "\(again.talk)")
      _ = try workspace.result("\(line) -o run --resume auto")
      _ = try workspace.result("\(line) \(start)-o whole")
      try files("run").expectEqual(files("whole"))
    }

    @Test func theModelOfAStopIsFoundAndKnown() throws {
      let run = try workspace.run("train --config config.yaml --set training.evaluate_every=0 -o run --max-steps 5")
      #expect(
        run.talk.contains("run/best.safetensors: the model of step 5, because no best model was saved"), "\(run.talk)")
      let report = try workspace.result("info run/best.safetensors --json")
      #expect(report.contains(#""of_stop" : true"#) && report.contains(#""steps" : 5"#), "\(report)")
      #expect(try workspace.result("generate -m run/best.safetensors -p the -n 2 -q").count > 1)
      #expect(try !workspace.result("info run/last.safetensors --json").contains("of_stop"))
      // Without a validation file there is nothing to score.
      let last = try workspace.result("\(Self.unevaluated) --set data.validation= -o other --max-steps 5")
      #expect(last == "other/last.safetensors\n")
    }

    @Test func aBestModelThatIsThereStays() throws {
      _ = try workspace.result("train --config config.yaml -q -o run --max-steps 6")
      let best = try workspace.bytes("run/best.safetensors")
      #expect(
        try workspace.result("train --config config.yaml -q -o run --resume auto --max-steps 8").contains("run/best"))
      #expect(try workspace.bytes("run/best.safetensors") == best)
    }

    @Test func aSignalEndsWithoutAnEvaluation() throws {
      let process = try RunningBinary(
        "\(Self.unevaluated) --set training.steps=100000000 --set training.schedule=constant "
          + "--set training.log_every=1 --max-time 1m -o run", in: workspace.folder)
      try process.wait { files("run").metricsLineCount >= 3 }
      process.signal(SIGTERM)
      #expect(process.status() == 75)
      #expect(try !files("run").names.contains("best.safetensors"))
    }

    /// A run that cannot take a step is no success, however few its steps are.
    @Test func numbersThatAreNotFiniteAreNoSuccess() throws {
      let line = "train --config config.yaml --set training.learning_rate=1e30 --set training.steps=4"
      let run = try workspace.run("\(line) -o run")
      #expect(run.status == 76 && run.text.isEmpty, "\(run.text)")
      #expect(run.talk.contains("error: run: step 2: gradient of '"), "\(run.talk)")
      #expect(run.talk.contains("step 2: gradient of '") && run.talk.contains("such steps are skipped"), "\(run.talk)")
      let skipped = try files("run").metrics.filter { $0["skipped"] != nil }
      #expect(skipped.count == 3)
      #expect(skipped.compactMap { $0["place"] as? String }.count == 1)
      #expect(try workspace.run("\(line) -o run --resume auto").status == 76)
    }

    @Test func weightsThatAreNotFiniteAreNoBeginning() throws {
      try workspace.change("model.safetensors", to: "nan.safetensors") { bytes in
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try? JSONSerialization.jsonObject(with: bytes.dropFirst(8).prefix(length)) as? [String: Any]
        let weight = header?["layers.0.ffn.down.weight"] as? [String: Any]
        let place = 8 + length + ((weight?["data_offsets"] as? [Int])?.first ?? 0)
        bytes.replaceSubrange(place..<place + 4, with: [0, 0, 0xC0, 0x7F])
        // Without a digest the number is what was written.
        if let digest = bytes.range(of: Data("retnet.digest".utf8)) {
          bytes.replaceSubrange(digest, with: Data("other..digest".utf8))
        }
      }
      try workspace.expectFailure(
        "train --config config.yaml --init-from nan.safetensors -o run", status: 65,
        "nan.safetensors: tensor 'layers.0.ffn.down.weight': expected finite numbers, found nan at [0, 0]")
    }

    /// The same folder by another name is the same folder.
    @Test func theRunFolderMayBeSpelledInAnyWay() throws {
      _ = try workspace.result("\(Self.unevaluated) -o run --max-steps 5")
      try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: "run")
      let name = "checkpoints/step-00000005.safetensors"
      for (output, checkpoint) in [
        ("run", "./run/\(name)"), ("./run/", "run//\(name)"), ("link", "run/\(name)"), ("run", path("link/\(name)")),
        (path("run"), "run/./checkpoints/./step-00000005.safetensors"), ("run", "run/../run/\(name)"),
      ] {
        let run = try workspace.run("\(Self.unevaluated) -o \(output) --resume \(checkpoint) --max-steps 5")
        #expect(run.status == 0, "-o \(output) --resume \(checkpoint): \(run.talk)")
      }
      let inside = try runBinary(
        ["train", "--resume", "step-00000005.safetensors", "--max-steps", "5"],
        in: workspace.folder.appendingPathComponent("run/checkpoints"))
      #expect(inside.status == 0, "\(inside.talk)")
      _ = try workspace.result("\(Self.unevaluated) -o other --max-steps 5")
      try workspace.expectFailure(
        "\(Self.unevaluated) -o other --resume run/\(name)", status: 64,
        "expected a checkpoint of the run folder 'other'")
    }

    /// The configuration in a run folder says all that its run needs, from any working folder.
    @Test func aRunGoesOnFromElsewhere() throws {
      _ = try workspace.result("\(Self.unevaluated) -o run --max-steps 5")
      _ = try workspace.result("\(Self.unevaluated) -o whole")
      let text = try workspace.text("run/config.yaml")
      #expect(text.contains("\n  train: \(path("train.tokens"))\n"), "\(text)")
      try FileManager.default.createDirectory(atPath: path("elsewhere"), withIntermediateDirectories: false)
      let elsewhere = workspace.folder.appendingPathComponent("elsewhere")
      let rest = try runBinary(["train", "--resume", "auto", "-o", "../run"], in: elsewhere)
      #expect(rest.status == 0, "\(rest.talk)")
      try files("run").expectEqual(files("whole"))
      #expect(try workspace.text("run/config.yaml") == text)
      let new = try runBinary(["train", "--config", path("run/config.yaml"), "-o", "new", "-q"], in: elsewhere)
      #expect(new.status == 0, "\(new.talk)")
      try files("elsewhere/new").expectEqual(files("whole"))
      try workspace.expectFailure("train -o new", status: 64, "Missing expected argument '--config <x.yaml>'")
      try workspace.expectFailure(
        "train --resume auto", status: 64, "--resume auto: expected a run folder, given by -o")
      try workspace.expectFailure("train --resume auto -o new", status: 66, "new/config.yaml: no such file")
    }

    @Test func aRunFolderIsAModel() throws {
      _ = try workspace.result("train --config config.yaml -q -o run")
      let model = try workspace.result("generate -m run/best.safetensors -p the -n 8 -q")
      let run = try workspace.run("generate -m run -p the -n 8")
      #expect(run.text == model && run.talk.contains("run: a run folder; using run/best.safetensors, its best model"))
      for line in [
        "eval -m run/ text.txt --json", "verify run --length 20 --chunk-length 7", "convert run -o copy.safetensors",
        "train --config config.yaml --init-from run -o tuned --max-steps 1", "bench generate -m run -p 1 -n 1 -r 1",
        "bench train -m run -b 1 --sequence-length 8 -r 1",
      ] {
        let run = try workspace.run(line)
        #expect(run.status == 0 && run.talk.contains("using run/best.safetensors"), "\(line): \(run.talk)")
        let quiet = try workspace.run(line + " -q")
        #expect(!quiet.talk.contains("using"), "\(line): \(quiet.talk)")
      }
      try FileManager.default.removeItem(atPath: path("run/best.safetensors"))
      #expect(try workspace.run("generate -m run -n 1").talk.contains("using run/last.safetensors, its last model"))
      try FileManager.default.removeItem(atPath: path("run/last.safetensors"))
      let third = try workspace.run("generate -m run -n 1")
      #expect(third.talk.contains("step-00000012.safetensors, its newest checkpoint"), "\(third.talk)")
      try FileManager.default.removeItem(atPath: path("run/checkpoints"))
      try workspace.expectFailure(
        "generate -m run -n 1", status: 66, "run: expected a run folder with a model, found none")
    }

    @Test func aDamagedBestModelIsMadeAgain() throws {
      let line = "train --config config.yaml -q --set training.checkpoint_every=3 -o run"
      _ = try workspace.result("\(line) --max-steps 6")
      let best = try workspace.bytes("run/best.safetensors")
      try workspace.change("run/best.safetensors") { $0[$0.count - 100] ^= 1 }
      let run = try workspace.run(
        line.replacing(" -q", with: "") + " --resume run/checkpoints/step-00000006.safetensors --max-steps 6")
      #expect(run.status == 0 && run.talk.contains("run/best.safetensors: damaged, or of a step"), "\(run.talk)")
      #expect(try workspace.bytes("run/best.safetensors") == best)
    }

    @Test func infoTellsOfARun() throws {
      _ = try workspace.result("train --config config.yaml -q -o run --max-steps 8")
      func report(_ line: String) throws -> [String: Any] {
        try #require(
          try JSONSerialization.jsonObject(with: Data(workspace.result(line).utf8)) as? [String: Any])
      }
      let stopped = try report("info run --json")
      #expect(stopped["kind"] as? String == "run" && stopped["step"] as? Int == 8 && stopped["steps"] as? Int == 12)
      #expect(stopped["best_step"] as? Int == 6 && (stopped["best_bits_per_byte"] as? Double ?? 0) > 0)
      #expect(stopped["complete"] as? Bool == false && (stopped["training_loss"] as? Double ?? 0) > 0)
      #expect(stopped["resume"] as? String == "retnet train --resume auto -o run")
      #expect(stopped["models"] as? [String] == ["run/best.safetensors", "run/last.safetensors"])
      _ = try workspace.result("train --resume auto -q -o run")
      let complete = try report("info run --check --json")
      #expect(complete["complete"] as? Bool == true && complete["resume"] is NSNull)
      #expect(complete["check"] as? String == "the digest is right")
      let text = try workspace.result("info run")
      #expect(text.contains("best step") && text.contains("training loss"))
      // No number has more digits than a person reads.
      let digits = /\d+\.\d{7,}/
      #expect(text.firstMatch(of: digits) == nil, "\(text)")
    }

    @Test func aRunSaysWhatItBeginsWith() throws {
      let run = try workspace.run("train --config config.yaml --init-from model.safetensors -o run --max-steps 1")
      #expect(run.talk.contains("starting from model.safetensors: model of step 12, digest "), "\(run.talk)")
    }

    /// Defaults do not stand in the way of keys that are given.
    @Test(arguments: [
      ("steps=20", "warmup_steps: 2\n"), ("steps=50", "warmup_steps: 5\n"), ("steps=1", "warmup_steps: 0\n"),
      ("sequence_length=24", "batch_tokens: 2040\n"), ("sequence_length=4096", "batch_tokens: 4096\n"),
      ("milestone_every=100", "checkpoint_every: 100\n"), ("milestone_every=600", "checkpoint_every: 200\n"),
    ])
    func defaultsFollow(_ setting: String, _ line: String) throws {
      let blocks = TinyProject.configuration.split(separator: "training:")[0]
      try workspace.write(String(blocks), "short.yaml")
      // The run would be too slow to be measured by a test.
      let text = try workspace.result("train --config short.yaml --dry-run -q --set training.\(setting)")
      #expect(text.contains("  " + line), "\(text)")
    }

    /// Both names of a number format are taken, the short one is printed.
    @Test func numberFormatsHaveTwoNames() throws {
      for (full, short) in [("float32", "f32"), ("bfloat16", "bf16")] {
        for word in [full, short] {
          let plan = try workspace.result("train --config config.yaml --dry-run -q --set training.precision=\(word)")
          #expect(plan.contains("\n  precision: \(short)\n"))
          _ = try workspace.result("convert model.safetensors -o \(word).safetensors --dtype \(word)")
          _ = try workspace.result(
            "generate -m model.safetensors -n 1 --state-out \(word).state --state-dtype \(word)")
          #expect(try workspace.result("info \(word).state").contains(short))
          let bench = "-m model.safetensors -r 1 --precision \(word) --output-format json"
          #expect(try workspace.result("bench generate \(bench) -p 1 -n 1").contains("\"\(short)\""))
          let rows = try workspace.result("bench train \(bench) -b 1 --sequence-length 8")
          #expect(rows.contains("\"precision\" : \"\(short)\""), "\(rows)")
          // Rows of earlier versions have the full names.
          try workspace.write(rows.replacing("\"\(short)\"", with: "\"\(full)\""), "base.json")
          let compared = try workspace.run(
            "bench train \(bench) -b 1 --sequence-length 8 --compare base.json --max-slowdown 99.9%")
          #expect(compared.status == 0, "\(compared.talk)")
        }
        #expect(try workspace.bytes("\(full).safetensors") == workspace.bytes("\(short).safetensors"))
        #expect(try workspace.bytes("\(full).state") == workspace.bytes("\(short).state"))
      }
    }

    /// A seed is a number wherever it is printed; text only where readers of JSON would round it.
    @Test func seedsAreNumbers() throws {
      for (seed, shown) in [
        ("7", "7"), ("9007199254740992", "9007199254740992"), ("9007199254740993", "\"9007199254740993\""),
      ] {
        let set = "--set training.seed=\(seed)"
        #expect(
          try workspace.result("train --config config.yaml --dry-run --json -q \(set)").contains("\"seed\" : \(shown)"))
        _ = try workspace.result("train --config config.yaml -q -o run\(seed) \(set) --max-steps 1")
        #expect(try workspace.result("info run\(seed)/last.safetensors --json").contains("\"seed\" : \(shown)"))
        let text = try workspace.result("generate -m model.safetensors -n 1 --json -s \(seed)")
        #expect(text.contains("\"seed\" : \(shown)") || text.contains("\"seed\":\(shown)"), "\(text)")
      }
    }
  }
}
