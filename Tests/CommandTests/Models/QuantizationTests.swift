import Foundation
import Testing

extension CommandRuns {
  /// `convert --quantize` and `--report`, and commands on what it writes.
  @Suite struct QuantizationTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    @Test(arguments: ["q8_0", "q4_0"]) func aQuantizedModelRunsInEveryCommand(format: String) throws {
      let run = try workspace.run("convert model.safetensors -o small --quantize \(format)")
      #expect(run.status == 0 && run.talk.contains(" parameters in \(format), digest "), "\(run.talk)")
      let sizes = try ["model.safetensors", "small"].map { try workspace.bytes($0).count }
      #expect(sizes[1] < sizes[0] / 2)
      #expect(try workspace.result("info small --check").contains("\n"))
      #expect(try workspace.result("eval -m small text.txt").contains("perplexity"))
      let made = try workspace.result("generate -m small -p light -n 20 --temp 0 -t 1")
      #expect(made == (try workspace.result("generate -m small -p light -n 20 --temp 0 -t 2")))
      // Back to numbers: exact, so that doing it again gives the same bytes.
      for name in ["wide", "wide2"] { _ = try workspace.result("convert small -o \(name) --dtype f32") }
      #expect(try workspace.bytes("wide") == workspace.bytes("wide2"))
    }

    @Test(arguments: ["q8_0", "q4_0"]) func aQuantizedModelStaysAsItIs(format: String) throws {
      func digest(_ name: String) throws -> String? {
        let info = try workspace.result("info \(name) --json")
        let object = try JSONSerialization.jsonObject(with: Data(info.utf8)) as? [String: Any]
        return object?["digest"] as? String
      }
      _ = try workspace.result("convert model.safetensors -o small --quantize \(format)")
      let run = try workspace.run("convert small -o again --tokenizer tokenizer.model")
      #expect(run.status == 0 && run.talk.contains(" parameters in \(format), digest "), "\(run.talk)")
      #expect(try workspace.result("info small --json").contains("\"dtype\" : \"\(format)\""))
      let before = try #require(try digest("small"))
      #expect(try digest("again") == before)
    }

    @Test func theReportComparesWithTheModelBefore() throws {
      let same = try workspace.result("convert model.safetensors -o same --dtype f32 --report text.txt")
      #expect(same.contains("(+0.000 %)") && same.contains("0.000000 nats per token") && same.contains("100.00 %"))
      let lines = try workspace.result("convert model.safetensors -o small --quantize q4_0 --report text.txt")
        .split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
      #expect(lines.map { $0[0] } == ["tokens", "perplexity", "KL", "top-1"])
      let divergence = try #require(Double(lines[2][2]))
      #expect(divergence > 0 && divergence < 0.1)
      let (before, after) = (try #require(Double(lines[1][1])), try #require(Double(lines[1][3])))
      #expect(before > 1 && (after / before - 1).magnitude < 0.1)
      let agreement = try #require(Double(lines[3][2]))
      #expect(agreement > 50 && agreement <= 100)
    }

    @Test func whatCannotBeIsRefused() throws {
      try workspace.expectFailure(
        "convert model.safetensors -o new --quantize q8_0 --dtype f32", status: 64, "'--dtype' and '--quantize'")
      try workspace.expectFailure("convert model.safetensors -o new --quantize q5_0", status: 64, "q5_0")
      try workspace.expectFailure("convert model.safetensors -o new --report none", status: 66, "none: no such file")
    }
  }

  @Suite struct BenchGenerateTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private func rows(_ options: String) throws -> [[String: Any]] {
      let output = try workspace.run("bench generate -r 2 --output-format json -q " + options).output
      let report = try #require(try JSONSerialization.jsonObject(with: output) as? [String: Any])
      return try #require(report["rows"] as? [[String: Any]])
    }

    @Test func aRowSaysWhatWasMeasuredAndWhatWasFound() throws {
      let rows = try rows("-m model.safetensors -p 20 -n 6 -d 0,50 -t 1,2 --chunk-length 16 --quantize q8_0")
      #expect(
        rows.compactMap { $0["test"] as? String }
          == ["pp20", "tg6", "pp20 @ d50", "tg6 @ d50", "pp20", "tg6", "pp20 @ d50", "tg6 @ d50"])
      #expect(rows.compactMap { $0["threads"] as? Int } == [1, 1, 1, 1, 2, 2, 2, 2])
      for row in rows {
        let isPrompt = (row["test"] as? String)?.hasPrefix("pp") == true
        #expect(row["model"] as? String == "model.safetensors" && row["precision"] as? String == "q8_0")
        #expect(row["form"] as? String == (isPrompt ? "chunkwise" : "recurrent"))
        let speed = try #require(row["tokens_per_second"] as? Double)
        let share = try #require(row["limit_share"] as? Double)
        let unit = isPrompt ? "gflops" : "gigabytes_per_second"
        let (rate, limit) = (try #require(row[unit] as? Double), try #require(row["limit_" + unit] as? Double))
        #expect(speed > 0 && limit > 0 && (share / (rate / limit) - 1).magnitude < 1e-9)
        let bytes = try #require(row["token_bytes"] as? Int)
        if !isPrompt { #expect((rate / (Double(bytes) * speed * 1e-9) - 1).magnitude < 1e-9) }
        // Two layers, two heads, keys of 16, values of 32 numbers, and a scale of each head.
        #expect(row["state_bytes"] as? Int == 4 * 2 * 2 * 16 * 32 + 8 * 2 * 2)
      }
    }

    @Test func sequencesOfABatchShareTheWeights() throws {
      let rows = try rows("-m model.safetensors -p 9 -n 4 -b 1,3,16 -t 2")
      #expect(rows.compactMap { $0["test"] as? String } == ["pp9", "tg4", "tg4 b3", "tg4 b16"])
      #expect(rows.compactMap { $0["batch"] as? Int } == [1, 1, 3, 16])
      let bytes = rows.compactMap { $0["token_bytes"] as? Int }
      let state = try #require(rows[0]["state_bytes"] as? Int)
      #expect(bytes[2] == (bytes[1] - 2 * state) / 3 + 2 * state)
      #expect(bytes[3] == (bytes[1] - 2 * state) / 16 + 2 * state)
    }

    @Test func formatsComeFromTheFileOrFromFlags() throws {
      _ = try workspace.result("convert model.safetensors -o small --quantize q4_0")
      #expect(try rows("-m small -p 0 -n 2 -t 1")[0]["precision"] as? String == "q4_0")
      #expect(try rows("-m model.safetensors -p 0 -n 2 -t 1")[0]["precision"] as? String == "f32")
      #expect(try rows("--config config.yaml -p 3 -n 0 -t 1")[0]["precision"] as? String == "bf16")
      let deep = try rows("--config config.yaml -p 3 -n 2 -t 1 -d 70 --read-depth --precision f32")
      #expect(deep.compactMap { $0["depth"] as? Int } == [70, 70])
    }

    @Test func whatCannotBeIsRefused() throws {
      for (options, message) in [
        ("-p 0 -n 0", "both 0"), ("-b 1,17", "--batch: expected integers from 1 to 16"),
        ("-d 1,x", "--depth: expected integers"), ("-p 2000000000", "--prompt-tokens"),
        ("--chunk-length 0", "--chunk-length: expected"), ("--precision f32 --quantize q8_0", "cannot be used"),
      ] {
        try workspace.expectFailure("bench generate -m model.safetensors " + options, status: 64, message)
      }
    }
  }
}
