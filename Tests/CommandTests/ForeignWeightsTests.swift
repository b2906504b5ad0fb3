import Foundation
import Testing

/// `info` and `convert` on weights of other programs.
@Suite struct ForeignWeightsTests {
  private func golden(_ name: String) -> String { projectFolder.appendingPathComponent("Tests/Golden/\(name)").path }

  private func json(_ arguments: [String]) throws -> [String: Any] {
    let run = try runBinary(arguments + ["--json"])
    #expect(run.status == 0, "\(run.talk)")
    return try #require(try JSONSerialization.jsonObject(with: run.output) as? [String: Any])
  }

  @Test(arguments: [
    ("fla-separate", "fla", "none"), ("fla-separate/model.safetensors.index.json", "fla", "none"),
    ("torchscale-b-untied/model.pt", "torchscale", "abs_of_sum"),
    ("yet-another-retnet", "yet-another-retnet", "none"),
  ])
  func infoTellsFamilyAndModel(_ name: String, _ family: String, _ scoreNorm: String) throws {
    let report = try json(["info", golden(name)])
    #expect(report["kind"] as? String == "foreign weights")
    #expect(report["family"] as? String == family)
    #expect(report["score_norm"] as? String == scoreNorm)
  }

  @Test func convertMakesAModelFile() throws {
    try withTemporaryFolder { folder in
      let output = folder.appendingPathComponent("m.safetensors").path
      let run = try runBinary(["convert", golden("fla-fused-gate/bf16"), "-o", output])
      #expect(run.status == 0, "\(run.talk)")
      #expect(run.talk.contains("weights of fla, score norm none\n"))
      let report = try json(["info", output, "--check"])
      #expect(report["kind"] as? String == "model")
      #expect(report["family"] as? String == "fla")
      #expect(report["dtype"] as? String == "bf16")
      #expect(report["feed_forward_width"] as? Int == 256)

      let again = try runBinary(["convert", output, "-o", output + "2", "--from", "retnet", "--dtype", "f32"])
      #expect(again.status == 0, "\(again.talk)")
      #expect(try json(["info", output + "2"])["family"] as? String == "fla")
    }
  }

  @Test func theScoreNormCanBeChosenAndIsTold() throws {
    try withTemporaryFolder { folder in
      let output = folder.appendingPathComponent("m.safetensors").path
      let source = golden("torchscale-b-tied-gelu-embednorm")
      let assumed = try runBinary(["convert", source, "-o", output])
      #expect(assumed.talk.contains("score norm abs-of-sum\n") && assumed.talk.contains("is assumed"))
      let chosen = try runBinary(["convert", source, "-o", output, "--score-norm", "sum-of-abs"])
      #expect(chosen.status == 0 && !chosen.talk.contains("is assumed"))
      #expect(try json(["info", output])["score_norm"] as? String == "sum_of_abs")
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    try withTemporaryFolder { folder in
      let output = folder.appendingPathComponent("m.safetensors").path
      for (more, status, message) in [
        (["--from", "fla"], Int32(65), "expected weights of fla, found those of torchscale"),
        (["--num-heads", "3"], 65, "expected 3 heads, found 4 by the tensors"),
        (["--score-norm", "half"], 64, "half"),
      ] {
        let run = try runBinary(["convert", golden("torchscale-b-untied"), "-o", output] + more)
        #expect(run.status == status, "\(run.talk)")
        #expect(run.talk.contains(message), "\(run.talk)")
        #expect(!FileManager.default.fileExists(atPath: output))
      }
      #expect(try runBinary(["info", folder.path]).status == 66)
    }
  }
}
