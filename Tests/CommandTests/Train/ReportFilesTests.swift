import Foundation
import Testing

extension CommandRuns {
  /// The files in a run folder that show a run on its way.
  @Suite struct ReportFilesTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private func files(_ name: String) -> RunFiles {
      RunFiles(folder: workspace.folder.appendingPathComponent(name))
    }

    private static let line =
      "train --config config.yaml -q --set training.log_every=2 --set training.checkpoint_every=4"

    /// The curves of the log, by the tags of the event files.
    private func curves(_ run: RunFiles) throws -> [String: [(step: Int, value: Float)]] {
      let tags = [
        "train/loss": "loss", "train/gradient_norm": "gradient_norm", "train/learning_rate": "learning_rate",
        "validation/loss": "validation_loss", "validation/bits_per_byte": "bits_per_byte",
        "validation/perplexity": "perplexity",
      ]
      let rows = try run.metrics
      return try tags.mapValues { key in
        try rows.compactMap { row in
          guard let value = row[key] as? Double else { return nil }
          return (try #require(row["step"] as? Int), Float(value))
        }
      }
    }

    private func expectCurvesOfTheLog(_ run: RunFiles, sourceLocation: SourceLocation = #_sourceLocation) throws {
      var shown = try EventRecords.shown(run.eventFiles)
      let speeds = shown.removeValue(forKey: "train/tokens_per_second")
      let expected = try curves(run)
      #expect(Set(shown.keys) == Set(expected.keys), sourceLocation: sourceLocation)
      for (tag, curve) in expected {
        #expect(shown[tag]?.map(\.step) == curve.map(\.step), "\(tag)", sourceLocation: sourceLocation)
        #expect(shown[tag]?.map(\.value) == curve.map(\.value), "\(tag)", sourceLocation: sourceLocation)
      }
      #expect(try #require(speeds).allSatisfy { $0.value > 0 && $0.value.isFinite }, sourceLocation: sourceLocation)
    }

    @Test func eventsHaveWhatTheLogHas() throws {
      _ = try workspace.result("\(Self.line) -o run")
      let run = files("run")
      let events = try #require(try run.eventFiles.first).events
      #expect(try run.eventFiles.count == 1)
      #expect(events[0].isVersion && events[1].isStart && events[1].step == 1)
      try expectCurvesOfTheLog(run)
      #expect(try curves(run)["train/loss"]?.map(\.step) == [1, 2, 4, 6, 8, 10, 12])
      #expect(try curves(run)["validation/loss"]?.map(\.step) == [6, 12])
    }

    @Test func aRunThatGoesBackBeginsAFileThatVoidsLaterSteps() throws {
      _ = try workspace.result("\(Self.line) -o run")
      _ = try workspace.result("\(Self.line) --resume run/checkpoints/step-00000004.safetensors --max-steps 7")
      _ = try workspace.result("\(Self.line) -o run --resume auto")
      _ = try workspace.result("\(Self.line) -o whole")
      let run = files("run")
      let starts = try run.eventFiles.map { $0.events.prefix(2).map(\.step) }
      #expect(starts == [[0, 1], [0, 5], [0, 8]])
      #expect(try run.eventFiles.allSatisfy { $0.events[0].isVersion && $0.events[1].isStart })
      #expect(try run.eventFiles.map { $0.events.last?.step } == [12, 6, 12])
      try expectCurvesOfTheLog(run)
      #expect(try run.metrics == files("whole").metrics)
      #expect(try run.picture == files("whole").picture)
    }

    @Test func aRewindVoidsLaterSteps() throws {
      let run = try workspace.run(
        "\(Self.line) -o run --set training.learning_rate=1e30 --set training.warmup_steps=0 "
          + "--set training.schedule=constant --set training.skip_limit=3 --set training.rewind_limit=2")
      #expect(run.status == 76)
      let events = try #require(try files("run").eventFiles.first).events
      #expect(events.filter(\.isStart).map(\.step) == [1, 1, 1])
      let losses = try #require(EventRecords.shown(try files("run").eventFiles)["train/loss"])
      #expect(losses.map(\.step) == [1, 2, 3, 4])
      #expect(try files("run").picture.contains("× skipped steps: 9 · ┆ returns to a checkpoint: 2"))
    }

    /// Bits per byte are the loss over ln 2 and over the bytes of a token, of which evaluations and steps have the same
    /// number when they read the same file.
    @Test func theProgressLineHasLossAndBitsPerByte() throws {
      let line = Self.line.replacing(" -q", with: "") + " --set data.validation=train.tokens -o run"
      let run = try workspace.run(line)
      #expect(run.status == 0)
      let last = /12\/12 steps  100 %  [\d.,]+ steps\/s  loss ([\d.]+), ([\d.]+) bits\/byte, validation [\d.]+\n/
      let match = try #require(run.talk.firstMatch(of: last))
      let row = try #require(try files("run").metrics.last { $0["validation_loss"] != nil })
      let (loss, bits) = (
        try #require(row["validation_loss"] as? Double), try #require(row["bits_per_byte"] as? Double)
      )
      let found = (try #require(Double(match.output.1)), try #require(Double(match.output.2)))
      // Both were rounded to three decimals.
      #expect(abs(found.1 - found.0 * bits / loss) < 0.001 + 0.001 * bits / loss)
    }

    @Test func aPictureThatCannotBeWrittenStopsNothing() throws {
      let picture = workspace.folder.appendingPathComponent("run/loss.svg")
      try FileManager.default.createDirectory(at: picture, withIntermediateDirectories: true)
      let run = try workspace.run("\(Self.line) -o run --set training.evaluate_every=1")
      #expect(run.status == 0)
      #expect(run.talk == "warning: run/loss.svg: cannot create: Is a directory; the run continues without it\n")
      try expectCurvesOfTheLog(files("run"))
    }

    /// The shell's limit on the size of a file stands for the disk: the picture does not fit, and later no line of the
    /// log, without which no run goes on.
    @Test func aFullDiskLeavesWholeLinesAndEvents() throws {
      let line =
        "\(Self.line) -o run --set training.log_every=1 --set training.steps=100 --set training.evaluate_every=0"
      try workspace.write(
        "trap '' XFSZ; ulimit -f 3; exec \(builtBinary.path) \(line) --set training.checkpoint_every=100", "limited.sh")
      let full = try runBinary(["limited.sh"], in: workspace.folder, program: URL(fileURLWithPath: "/bin/bash"))
      #expect(full.status == 73)
      let lines = full.talk.split(separator: "\n")
      #expect(lines.first == "warning: run/loss.svg: cannot write: File too large; the run continues without it")
      #expect(lines.dropFirst().first == "error: run/metrics.jsonl: cannot write: File too large")
      #expect(lines.count { $0.hasPrefix("warning: ") } == 1)
      let log = try workspace.text("run/metrics.jsonl")
      #expect(log.hasSuffix("}\n") && log.utf8.count <= 3_072)
      let (rows, files) = (try files("run").metrics, try files("run").eventFiles)
      #expect(rows.count > 5)
      // The events of as many lines as fit; none is cut.
      let shown = try #require(EventRecords.shown(files)["train/loss"])
      #expect(shown.map(\.step) == Array(1...shown.count) && shown.count <= rows.count)
    }
  }
}
