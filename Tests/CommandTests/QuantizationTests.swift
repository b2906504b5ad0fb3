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
}
