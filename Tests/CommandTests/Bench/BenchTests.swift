import Foundation
import Testing

extension CommandRuns {
  @Suite struct BenchTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private static let bench = "bench train --config config.yaml -r 2 "

    private func object(_ bytes: Data) throws -> [String: Any] {
      try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
    }

    /// Measures as JSON, lets the caller change the only row, and writes that as a base.
    private func writeBase(_ options: String = "-t 2", _ change: (inout [String: Any]) -> Void = { _ in }) throws {
      var report = try object(workspace.run(Self.bench + options + " --output-format json -q").output)
      var row = try #require((report["rows"] as? [[String: Any]])?.first)
      change(&row)
      report["rows"] = [row]
      try workspace.write(try JSONSerialization.data(withJSONObject: report), "base.json")
    }

    @Test func aRowSaysWhatWasMeasuredAndWhatWasFound() throws {
      let run = try workspace.run(Self.bench + "-t 1,2 --precision float32 --output-format json -q")
      #expect(run.status == 0)
      #expect(run.talk == "")
      let report = try object(run.output)
      #expect(report["schema_version"] as? Int == 1)
      let machine = try #require(report["machine"] as? [String: Any])
      #expect(
        machine.keys.sorted()
          == ["blas", "blas_core", "blas_held_back", "commit", "cpu", "date", "features", "threads", "version"])
      let rows = try #require(report["rows"] as? [[String: Any]])
      #expect(rows.compactMap { $0["threads"] as? Int } == [1, 2])
      for row in rows {
        #expect(row["test"] as? String == "train")
        #expect(row["model"] as? String == "config.yaml")
        #expect(row["form"] as? String == "chunkwise")
        #expect(row["chunk_length"] as? Int == 16)
        #expect(row["precision"] as? String == "f32")
        #expect(row["recompute"] as? String == "none")
        #expect(row["micro_batch_tokens"] as? Int == 128)
        #expect(row["batch"] as? Int == 4)
        #expect(row["sequence_length"] as? Int == 32)
        let speed = try #require(row["tokens_per_second"] as? Double)
        let (gflops, limit) = try (#require(row["gflops"] as? Double), #require(row["limit_gflops"] as? Double))
        let parameters = try #require(row["parameters"] as? Int)
        #expect(speed > 0 && limit > 0)
        #expect((gflops / (6 * Double(parameters) * speed * 1e-9) - 1).magnitude < 1e-9)
        #expect((try #require(row["limit_share"] as? Double) / (gflops / limit) - 1).magnitude < 1e-9)
        #expect(try #require(row["tokens_per_second_best"] as? Double) >= speed)
        #expect(row["tokens_per_second_sd"] is Double)
        #expect(try #require(row["peak_memory_bytes"] as? Int) > 1_000_000)
        #expect(["row", "process"].contains(row["peak_memory_of"] as? String))
        let parts = try #require(row["parts"] as? [String: Double])
        #expect(
          parts.keys.sorted()
            == ["data_seconds", "optimizer_seconds", "products_seconds", "retention_seconds", "rows_seconds"])
        #expect(parts.values.allSatisfy { $0 > 0 })
        let step = try #require(row["step_seconds"] as? Double)
        #expect((parts.values.reduce(0, +) / step - 1).magnitude < 1e-9)
        #expect((4 * 32 / step / speed - 1).magnitude < 1e-9)
        let serial = try #require(row["serial_seconds"] as? Double)
        #expect(serial > 0 && serial < step)
        if row["threads"] as? Int == 1 {
          let span = try #require(row["span_seconds"] as? Double)
          #expect(span > serial && span < step)
        } else {
          #expect(row["span_seconds"] is NSNull)
        }
      }
    }

    @Test func tablesAndLinesHaveTheSameRows() throws {
      let table = try workspace.result(Self.bench + "-t 1,2 -b 2 --sequence-length 8 -q")
      // The machine, headings, a rule, two rows.
      let lines = table.split(separator: "\n").map { $0.split(separator: "|") }
      #expect(lines.count == 5)
      #expect(lines.dropFirst().allSatisfy { $0.count == lines[1].count })
      #expect(lines[3][0] == " train " && lines[4][0] == " train ")

      let csv = try workspace.result(Self.bench + "-t 1,2 --output-format csv -q").split(separator: "\n")
      #expect(csv.count == 3)
      #expect(
        csv[0].hasPrefix(
          "test,model,parameters,form,chunk_length,precision,recompute,threads,batch,sequence_length,"
            + "micro_batch_tokens,tokens_per_second,"))
      #expect(csv[0].contains(",parts.products_seconds,") && csv[0].hasSuffix(",machine_date"))
      let columns = csv[0].split(separator: ",").count
      for line in csv.dropFirst() {
        #expect(line.hasPrefix("train,config.yaml,"))
        // The names of CPU and library are the only cells that may hold a comma.
        #expect(line.split(separator: ",", omittingEmptySubsequences: false).count >= columns)
      }

      let objects = try workspace.result(Self.bench + "-t 1,2 --output-format jsonl -q").split(separator: "\n")
      #expect(objects.count == 2)
      for (line, threads) in zip(objects, [1, 2]) {
        let row = try object(Data(line.utf8))
        #expect(row["threads"] as? Int == threads)
        #expect(row["schema_version"] as? Int == 1)
        #expect((row["machine"] as? [String: Any])?["cpu"] is String)
      }
    }

    @Test func shapesComeFromPresetsModelsAndSettings() throws {
      func row(_ options: String) throws -> [String: Any] {
        try object(workspace.run("bench train -t 1 -r 1 --output-format jsonl -q " + options).output)
      }
      let small = "--set model.width=16 --set model.value_width=32 --set model.feed_forward_width=16 -b 3 "
      let preset = try row(small + "--sequence-length 5 --set training.chunk_length=2 --set model.vocabulary_size=7")
      #expect(preset["model"] as? String == "reference")
      #expect(preset["batch"] as? Int == 3 && preset["sequence_length"] as? Int == 5)
      #expect(preset["chunk_length"] as? Int == 2)
      // A single step has no deviation.
      #expect(preset["tokens_per_second_sd"] is NSNull)
      let model = try row("-m model.safetensors -b 1 --sequence-length 4")
      #expect(model["model"] as? String == "model.safetensors")
      #expect(model["parameters"] as? Int == (try row("--config config.yaml"))["parameters"] as? Int)
    }

    @Test func aBaseThatWasAsFastPasses() throws {
      try writeBase()
      let run = try workspace.run(Self.bench + "-t 2 --compare base.json --max-slowdown 99%")
      #expect(run.status == 0, "\(run.talk)")
      #expect(run.text.contains("| train | config.yaml |"))
      #expect(run.talk.contains(" tokens/s, ") && run.talk.contains(" in base.json: "), "\(run.talk)")
    }

    @Test func withoutALimitAComparisonOnlyTells() throws {
      try writeBase { $0["tokens_per_second"] = ($0["tokens_per_second"] as? Double ?? 0) * 1000 }
      let run = try workspace.run(Self.bench + "-t 2 --compare base.json")
      #expect(run.status == 0, "\(run.talk)")
      #expect(run.talk.contains(" in base.json: -") && !run.talk.contains("lost more"), "\(run.talk)")
    }

    @Test func aSlowdownEndsWithStatusOneAndNamesTheRow() throws {
      try writeBase { $0["tokens_per_second"] = ($0["tokens_per_second"] as? Double ?? 0) * 1000 }
      let run = try workspace.run(Self.bench + "-t 2 --compare base.json --max-slowdown 90%")
      #expect(run.status == 1)
      #expect(run.text.contains("| train | config.yaml |"))
      #expect(run.talk.contains("bench: test train, model config.yaml, "), "\(run.talk)")
      #expect(run.talk.contains("sequence_length 32, micro_batch_tokens 128: lost more than 90.0 %"), "\(run.talk)")
    }

    @Test func aBaseThatDoesNotBelongIsRefusedBeforeTheMeasurement() throws {
      let compare = Self.bench + "--compare base.json --max-slowdown 5% "
      try workspace.expectFailure(compare, status: 66, "base.json: no such file")
      try writeBase()
      try workspace.expectFailure(compare + "-t 1", status: 65, "base.json: expected a row with test train, ")
      try workspace.expectFailure(compare + "-t 2 -b 1", status: 65, "base.json: expected a row with test train, ")
      for (text, message) in [
        ("", "base.json: expected a JSON object of 'retnet bench'"),
        ("[1]", "base.json: expected a JSON object of 'retnet bench'"),
        (#"{"rows":[]}"#, "base.json: key 'schema_version': expected 1"),
        (#"{"schema_version":2,"rows":[]}"#, "base.json: key 'schema_version': expected 1"),
        (#"{"schema_version":1}"#, "base.json: key 'rows': expected a list"),
        (#"{"schema_version":1,"rows":[{}]}"#, "base.json: key 'rows', row 0: expected an object with"),
        (
          #"{"schema_version":1,"rows":[{"tokens_per_second":-1}]}"#,
          "base.json: key 'rows', row 0: expected an object with"
        ),
        (#"{"schema_version":1,"rows":[]}"#, "base.json: expected a row with test train, "),
      ] {
        try workspace.write(text, "base.json")
        try workspace.expectFailure(compare + "-t 2", status: 65, message)
      }
    }

    @Test(arguments: [
      ("-t 0", "--threads: expected integers from 1 to 1024 such as 1,2, found '0'"),
      ("-t 1,", "--threads: expected integers from 1 to 1024 such as 1,2, found '1,'"),
      ("-r 0", "--repetitions: expected 1 to 1000, found 0"),
      ("-b 0", "--batch: expected 1 to 1073741824, found 0"),
      ("--sequence-length 0", "--sequence-length: expected 1 to 1073741824, found 0"),
      ("-b 1000000 --sequence-length 1000000", "--batch: expected at most 1073741824 tokens in a batch"),
      ("--preset reference", "'--preset', '--model' and '--config' cannot be used together"),
      ("--max-slowdown 5%", "--max-slowdown: expected together with --compare"),
      ("--compare base.json --max-slowdown 100%", "--max-slowdown: expected 0% or more and less than 100%"),
      ("--compare base.json --max-slowdown some", "--max-slowdown: expected 0% or more and less than 100%"),
    ])
    func wrongOptions(_ option: String, _ message: String) throws {
      try workspace.expectFailure(Self.bench + option, status: 64, message)
    }

    @Test func wrongFilesAndSettings() throws {
      try workspace.expectFailure("bench train --config none.yaml", status: 66, "none.yaml: no such file")
      try workspace.expectFailure("bench train -m none.safetensors", status: 66, "none.safetensors: no such file")
      try workspace.expectFailure("bench train -m text.txt", status: 65, "text.txt: ")
      try workspace.expectFailure("bench train --set model.widht=8", status: 78, "did you mean 'width'?")
      try workspace.expectFailure(
        "bench train --set model.vocabulary_size=0", status: 78, "model.vocabulary_size: expected at least 1, found 0")
    }
  }
}
