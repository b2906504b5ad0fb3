import Foundation
import TestSupport
import Testing

extension CommandRuns {
  /// Text files that are wrong at random, read by the program: no input ends it with a signal, and what is refused is
  /// told in a message.
  @Suite struct DamagedTextTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    /// Runs a command on a damaged file and returns its status.
    private func status(_ line: String, _ input: String) throws -> Int32 {
      let run = try workspace.run(line + " -q")
      #expect([0, 64, 65, 66, 78].contains(run.status), "\(input): \(run.status), \(run.talk)")
      #expect(run.status == 0 || run.talk.hasPrefix("error: "), "\(input): \(run.talk)")
      return run.status
    }

    @Test func configurations() throws {
      // A sound configuration, too, ends with an error: it names a file that does not exist.
      let sound = Array(
        TinyProject.configuration.replacing("train.tokens", with: "[&a {path: none.tokens, weight: 1.5}, *a]").utf8)
      fuzz("configuration in YAML", inputs: 40) { damage, input in
        try workspace.write(Data(damage.damagedText(sound)), "damaged.yaml")
        return try status("train --config damaged.yaml --dry-run", input) == 66
      }
    }

    @Test func promptLists() throws {
      let sound = Array(
        """
        {"prompt": "And the light", "id": 7, "seed": 12}
        {"prompt": "of d\\u0061y \\ud83d\\ude00 é", "id": "x", "seed": null}
        """.utf8)
      fuzz("prompts in JSON lines", inputs: 20) { damage, input in
        try workspace.write(Data(damage.damagedText(sound)), "damaged.jsonl")
        return try status("generate -m model.safetensors --prompts damaged.jsonl -n 1", input) == 0
      }
    }

    @Test func benchmarks() throws {
      let sound = Array(
        #"{"schema_version": 1, "machine": {"cpu": "x", "threads": [1, 2]}, "rows": [{"tokens_per_second": 12.5}]}"#
          .utf8)
      fuzz("benchmark in JSON", inputs: 20) { damage, input in
        try workspace.write(Data(damage.damagedText(sound)), "damaged.json")
        // The model does not exist, and is opened after the benchmark.
        return try status("bench generate -m none.safetensors --compare damaged.json", input) == 66
      }
    }

    @Test func metrics() throws {
      _ = try workspace.run("train --config config.yaml -o run -q")
      let sound = [UInt8](try workspace.bytes("run/metrics.jsonl"))
      fuzz("metrics of a run", inputs: 20, accepted: 0.5...1) { damage, input in
        try workspace.write(Data(damage.damagedText(sound)), "run/metrics.jsonl")
        return try status("info run", input) == 0
      }
    }
  }
}
