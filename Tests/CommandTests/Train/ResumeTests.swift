import Foundation
import Testing

extension CommandRuns {
  @Suite struct ResumeTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private func files(_ name: String) -> RunFiles {
      RunFiles(folder: workspace.folder.appendingPathComponent(name))
    }

    private func start(_ line: String) throws -> RunningBinary { try RunningBinary(line, in: workspace.folder) }

    /// A run that would take hours: it is always still there to be killed. The limit of time is for tests that were
    /// killed themselves.
    private static let endless =
      "train --config config.yaml -q -t 2 --max-time 1m --set training.steps=100000000 --set training.schedule=constant "
      + "--set training.log_every=1 --set training.checkpoint_every=5 --set training.milestone_every=20 "
      + "--set training.sample_every=9 --set training.sample_prompt=the --set training.sample_tokens=8"

    @Test func aRunThatIsKilledAndDamagedEndsAsIfNothingHadBeen() throws {
      let run = files("killed")
      var damaged = ""
      for kill in 0..<3 {
        let process = try start(Self.endless + " -o killed --resume auto")
        let lines = run.metricsLineCount
        // Each time beyond two new checkpoints, so that one may be damaged.
        try process.wait { run.metricsLineCount >= lines + 14 + 3 * kill }
        process.signal(SIGKILL)
        #expect(process.status() == 137)
        let talk = process.talk
        #expect(damaged.isEmpty || talk.contains("warning: killed/checkpoints/\(damaged)"), "\(talk)")
        damaged = ""
        guard kill > 0, let newest = try run.checkpointSteps.last else { continue }
        // What a power failure leaves: files that end too early, and half a line.
        damaged = String(format: "step-%08d", newest) + (kill == 1 ? ".training-state" : "") + ".safetensors"
        try workspace.change("killed/checkpoints/\(damaged)") { $0 = $0.prefix($0.count / 2) }
        try workspace.change("killed/metrics.jsonl") { $0 += Data(#"{"loss": 1, "st"#.utf8) }
      }
      let last = try #require(try run.checkpointSteps.last) + 12
      let rest = try workspace.run(Self.endless + " -o killed --resume auto --max-steps \(last)")
      #expect(rest.status == 0 && rest.talk.contains("warning: killed/checkpoints/\(damaged)"), "\(rest.talk)")
      _ = try workspace.result(Self.endless + " -o whole --max-steps \(last)")
      try run.expectEqual(files("whole"))
      #expect(try run.metrics.count { $0["loss"] != nil } == last)
      #expect(try run.metrics.count { ($0["sample"] as? String)?.hasPrefix("the") == true } == last / 9)
      #expect(try workspace.bytes("killed/config.yaml") == workspace.bytes("whole/config.yaml"))
      #expect(try workspace.result("info killed/last.safetensors --check").contains("the digest is right"))
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func aSignalSavesTheLastStep(_ number: Int32) throws {
      let run = files("run")
      let line = Self.endless.replacing("-q", with: "-v") + " --set training.checkpoint_every=1000000"
      let process = try start("\(line) -o run --set training.milestone_every=0")
      try process.wait { run.metricsLineCount >= 7 }
      process.signal(number)
      #expect(process.status() == 75)
      let step = try #require(try run.checkpointSteps.first)
      #expect(try run.checkpointSteps == [step] && run.metricsLineCount >= step)
      let name = [SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGHUP: "SIGHUP"][number] ?? ""
      #expect(process.talk.contains("stopped by \(name) after step \(step), which is saved; resume with --resume auto"))
      #expect(try run.metrics.last?["step"] as? Int == step)
      let rest = "\(line) --set training.milestone_every=0 --max-steps \(step + 3) -o"
      _ = try workspace.result("\(rest) run --resume auto")
      _ = try workspace.result("\(rest) whole")
      try run.expectEqual(files("whole"))
    }

    /// A terminal that is closed sends it more than once, and a system that ends its services sends SIGTERM beside it.
    @Test func aHangUpIsNeverTheSecondSignal() throws {
      for (index, others) in [[SIGHUP], [SIGTERM], [SIGHUP, SIGTERM, SIGHUP]].enumerated() {
        let process = try start(Self.endless + " -o run\(index)")
        try process.wait { files("run\(index)").metricsLineCount >= 1 }
        process.signal(SIGSTOP)
        process.signal(SIGHUP)
        for number in others { process.signal(number) }
        process.signal(SIGCONT)
        #expect(process.status() == 75, "\(others)")
      }
    }

    @Test func aSecondSignalEndsTheRunAtOnce() throws {
      let run = files("run")
      let process = try start(Self.endless + " -o run")
      try process.wait { run.metricsLineCount >= 1 }
      // Held while both arrive, so that neither is acted upon before the other.
      process.signal(SIGSTOP)
      process.signal(SIGINT)
      process.signal(SIGTERM)
      process.signal(SIGCONT)
      #expect([130, 143].contains(process.status()))
    }

    /// States that rows carry, and several files, come back with the data position.
    @Test(arguments: [
      "--set training.carry_state=true", "--set training.train_only=layers.1.*,embed.weight",
      "--set data.train=[{\"path\":train.tokens,\"weight\":3},{\"path\":validation.tokens,\"weight\":1}]",
      "--set data.train=[train.tokens,validation.tokens] --set training.carry_state=true --set model.score_norm=row_decay",
      "--set training.dropout=0.2 --set model.embedding_residual=true --set model.logit_softcap=15",
    ])
    func streamsAndMixturesGoOn(_ settings: String) throws {
      let line = "train --config config.yaml -q --set training.checkpoint_every=3 \(settings)"
      _ = try workspace.result("\(line) -o run --max-steps 5")
      _ = try workspace.result("\(line) -o run --resume auto")
      _ = try workspace.result("\(line) -o whole")
      try workspace.remove(file: "run/checkpoints/step-00000005.safetensors")
      try workspace.remove(file: "run/checkpoints/step-00000005.training-state.safetensors")
      try files("run").expectEqual(files("whole"))
    }

    @Test func aRunThatIsAtItsEndEndsAgain() throws {
      let first = try workspace.result("train --config config.yaml -o run")
      let before = try workspace.bytes("run/last.safetensors")
      let again = try workspace.run("train --config config.yaml -o run --resume auto")
      #expect(again.status == 0 && again.text == first)
      #expect(again.talk.contains("run: resuming from step 12"))
      #expect(try workspace.bytes("run/last.safetensors") == before)
    }

    @Test func aRunGoesOnFromTheCheckpointThatIsNamed() throws {
      let line = "train --config config.yaml --set training.checkpoint_every=4 -q"
      _ = try workspace.result("\(line) -o run")
      _ = try workspace.result("\(line) -o whole")
      #expect(try files("run").checkpointSteps == [4, 8, 12])
      let rest = try workspace.run(
        "\(line) --resume run/checkpoints/step-00000004.safetensors".replacing(" -q", with: ""))
      #expect(rest.status == 0)
      #expect(rest.talk.contains("step-00000012.safetensors: later than step 4; removed"))
      try files("run").expectEqual(files("whole"))
      try workspace.expectFailure(
        "\(line) --resume run/checkpoints/step-00000005.safetensors", status: 66,
        "step-00000005.training-state.safetensors: no such file")
      // Nor is a folder made for it.
      try workspace.expectFailure(
        "\(line) --resume typo/checkpoints/step-00000004.safetensors", status: 66, "no such file")
    }

    /// A run that goes back knows no step after it: what the best of these has left is not its best.
    @Test(
      arguments: [
        ("--set training.evaluate_every=2 --set training.checkpoint_every=2", "; restored from step "),
        ("--set training.evaluate_every=4 --set training.checkpoint_every=3", "; removed"),
        ("--set training.evaluate_every=12 --set training.checkpoint_every=3", "; removed"),
      ], ["", "--set training.state_tuning=true --set training.learning_rate=0.1"])
    func theBestOfADroppedFutureGoes(_ change: (settings: String, note: String), _ tuning: String) throws {
      let line = "train --config config.yaml -q --set training.keep_checkpoints=9 \(change.settings) \(tuning)"
      let start = tuning.isEmpty ? "" : "--init-from model.safetensors "
      _ = try workspace.result("\(line) \(start)-o run")
      _ = try workspace.result("\(line) \(start)-o whole --max-steps 6")
      let back = "\(line) --resume run/checkpoints/step-00000006.safetensors --max-steps 6"
      let loud = back.replacing(" -q", with: "")
      let rest = try workspace.run(loud)
      #expect(rest.status == 0 && rest.talk.contains(change.note), "\(rest.talk)")
      let best = tuning.isEmpty ? "best.safetensors" : "best.state.safetensors"
      if change.note == "; removed" {
        // What is there now is what the stop has made.
        #expect(rest.text.hasPrefix("run/\(best)  "), "\(rest.text)")
        let metadata = try files("run").content(of: best).metadata
        #expect(metadata.contains { $0.value.contains("of_stop") || $0.key == "retnet.of_stop" }, "\(metadata)")
      } else {
        #expect(try workspace.bytes("run/\(best)") == workspace.bytes("whole/\(best)"))
      }
      // Nothing is left to be put back.
      #expect(try !workspace.run(loud).talk.contains("no longer part"))
      _ = try workspace.result("\(line) -o run --resume auto")
      _ = try workspace.result("\(line) -o whole --resume auto")
      try files("run").expectEqual(files("whole"))
    }

    @Test func theBestOfStepsThatAreMadeAgainStays() throws {
      let line = "train --config config.yaml -q --set training.checkpoint_every=4 --set training.evaluate_every=3 -o "
      _ = try workspace.result("\(line)run --max-steps 10")
      for suffix in ["safetensors", "training-state.safetensors"] {
        try workspace.remove(file: "run/checkpoints/step-00000010.\(suffix)")
      }
      let best = try workspace.bytes("run/best.safetensors")
      // At step 8 the run does not know the evaluation of step 9.
      #expect(try workspace.result("\(line)run --resume auto --max-steps 8") == "run/last.safetensors\n")
      #expect(try workspace.bytes("run/best.safetensors") == best)
      let again = try workspace.result("\(line)run --resume auto --max-steps 9")
      #expect(again.hasPrefix("run/best.safetensors  "))
      #expect(try workspace.bytes("run/best.safetensors") == best)
      _ = try workspace.result("\(line)run --resume auto")
      _ = try workspace.result("\(line)whole")
      try files("run").expectEqual(files("whole"))
    }

    @Test func withoutACheckpointTheRunStartsAnew() throws {
      let run = try workspace.run("train --config config.yaml -o run --resume auto")
      #expect(run.status == 0 && run.talk.contains("run: no checkpoint; the run starts from scratch"))
      _ = try workspace.result("train --config config.yaml -o whole")
      try files("run").expectEqual(files("whole"))
    }

    /// Its steps are made again: nothing is lost.
    @Test func aRunThatWasKilledBeforeItsFirstCheckpointStartsAnew() throws {
      let line = Self.endless + " --set training.checkpoint_every=100000 --set training.milestone_every=0"
      let process = try start("\(line) -o run")
      try process.wait { files("run").metricsLineCount >= 9 }
      process.signal(SIGKILL)
      #expect(process.status() == 137)
      try workspace.write("half a file", "run/.retnet-1f.partial")
      #expect(try files("run").names.contains("best.safetensors") && files("run").checkpointSteps.isEmpty)
      let rest = try workspace.run("\(line.replacing("-q", with: "-v")) -o run --resume auto --max-steps 12")
      #expect(rest.status == 0 && rest.talk.contains("run: no checkpoint; the run starts from scratch"), "\(rest.talk)")
      _ = try workspace.result("\(line) -o whole --max-steps 12")
      try files("run").expectEqual(files("whole"))
    }

    /// A finished run, or what is left of one, is not written over by one that begins anew.
    @Test(arguments: ["", "--set model.layers=3", "--set training.checkpoint_every=4"])
    func aRunWithoutItsCheckpointsIsKept(_ change: String) throws {
      _ = try workspace.result("train --config config.yaml -o run")
      try FileManager.default.removeItem(at: workspace.folder.appendingPathComponent("run/checkpoints"))
      let line = "train --config config.yaml -o run \(change)"
      let found = "found no checkpoint and best.safetensors, last.safetensors, metrics.jsonl"
      try workspace.expectFailure("\(line) --resume auto", status: 73, found)
      try workspace.expectFailure(line, status: 73, "found one with metrics.jsonl")
      for (removed, left) in [("metrics.jsonl", "best.safetensors"), ("best.safetensors", "last.safetensors")] {
        try workspace.remove(file: "run/\(removed)")
        try workspace.expectFailure(line, status: 73, "found one with \(left)")
        try workspace.expectFailure("\(line) --resume auto", status: 73, "found no checkpoint and \(left)")
      }
      try workspace.remove(file: "run/last.safetensors")
      #expect(try workspace.run("\(line) --resume auto").status == 0)
    }

    @Test func aModelAmongTheCheckpointsIsKept() throws {
      _ = try workspace.result("train --config config.yaml -o run -q")
      for name in [
        "best.safetensors", "last.safetensors", "metrics.jsonl",
        "checkpoints/step-00000012.training-state.safetensors",
      ] { try workspace.remove(file: "run/\(name)") }
      let model = try workspace.bytes("run/checkpoints/step-00000012.safetensors")
      try workspace.expectFailure(
        "train --config config.yaml --set training.seed=9 -o run --resume auto", status: 73,
        "found no checkpoint and checkpoints/step-00000012.safetensors")
      #expect(try workspace.bytes("run/checkpoints/step-00000012.safetensors") == model)
    }

    /// Killed after its first checkpoint, which somebody has removed: steps would be lost.
    @Test func aLogBeyondTheFirstCheckpointIsKept() throws {
      let process = try start(Self.endless + " -o run")
      try process.wait { files("run").metricsLineCount >= 12 }
      process.signal(SIGKILL)
      #expect(process.status() == 137)
      try FileManager.default.removeItem(at: workspace.folder.appendingPathComponent("run/checkpoints"))
      try workspace.expectFailure(Self.endless + " -o run --resume auto", status: 73, "metrics.jsonl")
    }

    @Test func whereNothingIsWholeNothingIsDone() throws {
      _ = try workspace.result("train --config config.yaml -o run")
      try workspace.change("run/checkpoints/step-00000012.training-state.safetensors") { $0[$0.count - 9] ^= 1 }
      let run = try workspace.run("train --config config.yaml -o run --resume auto")
      #expect(run.status == 65)
      let name = "step-00000012.training-state.safetensors"
      #expect(run.talk.contains("error: run/checkpoints/\(name): metadata 'retnet.digest'"))
    }

    @Test(arguments: [
      ("--set model.layers=3", 78, "model.layers: expected 2, the value that the run started with, found 3"),
      (
        "--set training.carry_state=true", 78,
        "training.carry_state: expected false, the value that the run started with, found"
      ),
      (
        "--set data.train=[{\"path\":train.tokens,\"weight\":2}]", 78,
        "data.train: expected no weights, as when the run started"
      ),
      ("--set data.train=[train.tokens,train.tokens]", 65, "data.train: expected the digest "),
      (
        "--set training.train_only=embed.*", 78,
        "training.train_only: expected [], the value that the run started with, found"
      ),
      ("--set training.seed=9", 78, "training.seed: expected 1, the value that the run started with, found 9"),
      ("--set training.batch_tokens=64", 78, "training.batch_tokens: expected 128"),
      ("--set training.steps=24", 78, "training.steps: expected 12"),
      (
        "--set data.documents=continuous", 78,
        "data.documents: expected reset, as when the run started, found cont"
      ),
      ("--set data.train=validation.tokens", 65, "data.train: expected the digest "),
      ("--set data.validation=train.tokens", 65, "data.validation: expected the digest "),
    ])
    func aRunDoesNotGoOnAsAnother(_ change: String, _ status: Int32, _ message: String) throws {
      _ = try workspace.result("train --config config.yaml -o run --max-steps 7")
      try workspace.expectFailure("train --config config.yaml -o run --resume auto \(change)", status: status, message)
    }

    @Test func anotherMachineIsNamed() throws {
      _ = try workspace.result("train --config config.yaml -o run --max-steps 7 -t 1")
      let quiet = try workspace.run("train --config config.yaml -o run --resume auto -t 2 --max-steps 8 -q")
      #expect(quiet.status == 0 && quiet.talk.isEmpty, "\(quiet.talk)")
      let run = try workspace.run("train --config config.yaml -o run --resume auto -t 1")
      #expect(run.status == 0)
      #expect(run.talk.contains("note: threads was 2, is 1: the results stay bit-identical"))
      #expect(try workspace.bytes("run/last.safetensors") == workspace.trained("train --config config.yaml -o whole"))
    }

    @Test func anotherPrecisionIsNamed() throws {
      let line = "train --config config.yaml --set training.precision="
      _ = try workspace.result(line + "float32 -o run --max-steps 7")
      let run = try workspace.run(line + "bfloat16 -o run --resume auto")
      #expect(run.status == 0)
      #expect(run.talk.contains("warning: training.precision was f32, is bf16: from here on, results are not"))
    }

    @Test func aFolderIsForOneRunAtATime() throws {
      let run = files("run")
      let process = try start(Self.endless + " -o run")
      try process.wait { run.metricsLineCount >= 1 }
      let second = try workspace.run("train --config config.yaml -o run --resume auto -q")
      #expect(second.status == 73)
      #expect(second.talk.contains("error: run: in use by process "))
      process.signal(SIGTERM)
      #expect(process.status() == 75)
    }

    @Test func aFullDiskKeepsTheLastCheckpoint() throws {
      _ = try workspace.result(Self.endless + " -o run --max-steps 3")
      // The shell's limit on the size of a file stands for the disk: a checkpoint does not fit any more.
      let line = Self.endless + " -o run --resume auto"
      try workspace.write("trap '' XFSZ; ulimit -f 32; exec \(builtBinary.path) \(line)", "limited.sh")
      let bash = URL(fileURLWithPath: "/bin/bash")
      let full = try runBinary(["limited.sh"], in: workspace.folder, program: bash)
      #expect(full.status == 73, "\(full.talk)")
      let found = "error: run/checkpoints/step-00000005.safetensors: cannot write: File too large"
      #expect(full.talk.contains(found), "\(full.talk)")
      #expect(full.talk.contains("the last good checkpoint is run/checkpoints/step-00000003.safetensors"))
      #expect(try files("run").checkpointSteps == [3])
      #expect(try files("run").names.allSatisfy { !$0.contains("partial") })
      _ = try workspace.result("\(line) --max-steps 8")
      _ = try workspace.result(Self.endless + " -o whole --max-steps 8")
      try files("run").expectEqual(files("whole"))
    }

    @Test func aRunThatDivergesIsGivenUp() throws {
      let run = try workspace.run(
        "train --config config.yaml -o run --set training.learning_rate=1e30 --set training.warmup_steps=0 "
          + "--set training.schedule=constant --set training.skip_limit=3 --set training.rewind_limit=2")
      #expect(run.status == 76)
      #expect(run.talk.contains("error: run: step 4: the last 3 steps had to be skipped"))
      #expect(run.talk.contains("; the first number that is not finite: gradient of '"), "\(run.talk)")
      #expect(run.talk.contains("', at step 2\n"), "\(run.talk)")
      let lines = try files("run").metrics
      #expect(lines.count { $0["skipped"] as? String == "not_finite" } == 9)
      #expect(lines.compactMap { $0["rewind_to"] as? Int } == [0, 0])
      #expect(lines.compactMap { $0["learning_rate_factor"] as? Double } == [0.5, 0.25])
    }

    @Test func patienceEndsTheRun() throws {
      let run = try workspace.run(
        "train --config config.yaml -o run --set training.learning_rate=1e-30 --set training.evaluate_every=1 "
          + "--set training.patience=2")
      #expect(run.status == 0)
      #expect(run.talk.contains("stopped early at step 3: no better score than that of step 1 for 2 evaluations"))
      #expect(run.text.hasPrefix("run/best.safetensors  "))
    }

    @Test func patienceCountsOnAcrossAStop() throws {
      let line =
        "train --config config.yaml -q --set training.learning_rate=1e-30 --set training.evaluate_every=1 "
        + "--set training.patience=3 -o"
      _ = try workspace.result("\(line) run --max-steps 3")
      #expect(try workspace.result("\(line) run --resume auto").hasPrefix("run/best.safetensors  "))
      _ = try workspace.result("\(line) whole")
      #expect(try files("whole").metrics.count { $0["validation_loss"] != nil } == 4)
      for suffix in ["safetensors", "training-state.safetensors"] {
        try workspace.remove(file: "run/checkpoints/step-00000003.\(suffix)")
      }
      try files("run").expectEqual(files("whole"))
    }

    @Test func aLimitOfTimeEndsTheRun() throws {
      let run = try workspace.run(Self.endless.replacing("-q", with: "").replacing("1m", with: "0.05s") + " -o run")
      #expect(run.status == 0)
      let step = try #require(try files("run").checkpointSteps.last)
      #expect(run.talk.contains("stopped after step \(step), which is saved"))
    }
  }
}

extension Workspace {
  /// Removes a file if it is there.
  fileprivate func remove(file name: String) throws {
    let path = folder.appendingPathComponent(name).path
    if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
  }

  /// The last model of a run with its folder `whole`.
  fileprivate func trained(_ line: String) throws -> Data {
    _ = try result(line)
    return try bytes("whole/last.safetensors")
  }
}
