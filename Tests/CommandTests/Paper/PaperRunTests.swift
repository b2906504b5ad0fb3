import ArgumentParser
import Foundation
import Testing
import retnet

extension CommandRuns {
  /// `retnet paper` with experiments of a few steps.
  @Suite struct PaperRunTests {
    private let workspace: Workspace
    private let options: GlobalOptions

    init() throws {
      workspace = try Workspace()
      options = try GlobalOptions.parse(["-q", "-t", "2"])
      let documents = try FileManager.default.contentsOfDirectory(
        at: projectFolder.appendingPathComponent("docs"), includingPropertiesForKeys: nil
      ).filter { $0.pathExtension == "md" }.sorted { $0.path < $1.path }
      let text = try documents.map { try String(contentsOf: $0, encoding: .utf8) }.joined()
      try text.write(toFile: workspace.path("long.txt"), atomically: true, encoding: .utf8)
    }

    private static var tiny: PaperScale {
      var scale = PaperScale.quick
      scale.sizes = [PaperSize(width: 24, layers: 1, heads: 2), PaperSize(width: 48, layers: 1, heads: 2)]
      scale.middle = scale.sizes[1]
      (scale.tokens, scale.rates, scale.middleRates) = (8_192, [4e-3, 8e-3], [5e-3])
      (scale.contexts, scale.contextPlaces) = ([16, 32], 4)
      (scale.lengths, scale.costSize, scale.costRepetitions) = ([64, 128], scale.sizes[0], 1)
      (scale.depths, scale.batches, scale.batchDepth, scale.decodedTokens) = ([0, 48], [1], 48, 2)
      (scale.recallSteps, scale.recallRates) = (4, [1e-2])
      return scale
    }

    private func make(_ folder: String, only: [String] = [], _ scale: PaperScale = tiny) throws -> String {
      try PaperRun(
        scale, text: workspace.path("long.txt"), output: workspace.path(folder), only: only, options: options
      ).make()
    }

    private func numbers(_ folder: String, _ experiment: String) throws -> [String: Any] {
      let path = workspace.path("\(folder)/experiments/\(experiment)/result.json")
      let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
      return try #require((object as? [String: Any])?["numbers"] as? [String: Any])
    }

    @Test func allSectionsMakeOneReport() throws {
      let lines = try make("report").split(separator: "\n")
      #expect(lines.count == 8 && lines[7].hasSuffix("report/report.md"), "\(lines)")
      let markdown = try String(contentsOfFile: workspace.path("report/report.md"), encoding: .utf8)
      let page = try String(contentsOfFile: workspace.path("report/report.html"), encoding: .utf8)
      for title in [
        "Scaling", "Training cost", "Inference cost", "Ablations", "Other architectures", "Context", "Recall",
      ] {
        #expect(markdown.contains("\n## \(title)\n") && page.contains(">\(title)</h2>"), "\(title)")
      }
      #expect(markdown.contains("**A demonstration.**") && page.contains("<b>A demonstration.</b>"))
      // No figure is missing, and the page needs nothing else.
      #expect(
        !markdown.contains("nan") && !markdown.contains("–, ") && !page.contains("src=") && !page.contains("http-"))
      for name in ["scaling", "training-cost", "inference-depth", "inference-batch", "ablations", "context", "recall"] {
        #expect(markdown.contains("](\(name).svg)"))
        #expect(try workspace.bytes("report/\(name).svg").starts(with: Array("<svg".utf8)), "\(name)")
      }
      // What is complete is not done again.
      let log = workspace.path("report/experiments/retnet-d48-l1-seed1/metrics.jsonl")
      let before = try FileManager.default.attributesOfItem(atPath: log)[.modificationDate] as? Date
      _ = try make("report")
      #expect(try FileManager.default.attributesOfItem(atPath: log)[.modificationDate] as? Date == before)
    }

    @Test func theFiguresDoNotDependOnWhereAReportWasStopped() throws {
      _ = try make("whole", only: ["scaling", "context"])
      _ = try make("parts", only: ["scaling"])
      // As after a kill: a run that was not begun, and one that was stopped after two of its four steps.
      let experiments = workspace.path("parts/experiments")
      try FileManager.default.removeItem(atPath: "\(experiments)/rate-transformer-d24-l1-0.008")
      try workspace.write(workspace.bytes("parts/experiments/retnet-d48-l1-seed2/config.yaml"), "half.yaml")
      try FileManager.default.removeItem(atPath: "\(experiments)/retnet-d48-l1-seed2")
      _ = try workspace.result(
        "train --config half.yaml -o parts/experiments/retnet-d48-l1-seed2 --max-steps 2 -q")
      _ = try make("parts", only: ["scaling", "context"])
      for name in ["rate-transformer-d24-l1-0.008", "retnet-d48-l1-seed2", "long-transformer-d48-l1-seed1"] {
        let (whole, parts) = (try numbers("whole", name), try numbers("parts", name))
        for key in whole.keys where key.hasPrefix("loss") || key == "bits_per_byte" {
          #expect(whole[key] as? Double == parts[key] as? Double, "\(name): \(key)")
        }
        #expect(whole["loss"] as? Double ?? 0 > 3)
      }
    }

    @Test func aFolderHoldsOneReport() throws {
      _ = try make("report", only: ["recall"])
      #expect(throws: CommandError.self) { try make("report", only: ["recall"], .full) }
      var other = Self.tiny
      other.recallSteps = 5
      #expect(throws: CommandError.self) { try make("report", only: ["recall"], other) }
      try "short".write(toFile: workspace.path("long.txt"), atomically: true, encoding: .utf8)
      #expect(throws: CommandError.self) { try make("report", only: ["recall"]) }
    }

    @Test func theCommandNamesWhatIsMissing() throws {
      try workspace.expectFailure(
        "paper -o report --text no-such-file", status: 66, "error: no-such-file: no such file")
      try workspace.expectFailure("paper -o report", status: 66, "error: data/kjv/kjv.txt: no such file")
      try workspace.expectFailure("paper -o report --only scale", status: 64, "error: The value 'scale' is invalid")
    }
  }
}
