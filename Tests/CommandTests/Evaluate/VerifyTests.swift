import Foundation
import Testing

extension CommandRuns {
  @Suite struct VerifyTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    @Test func theFormsOfATrainedModelAgree() throws {
      let run = try workspace.run("verify model.safetensors")
      #expect(run.status == 0, "\(run.talk)")
      let lines = run.text.split(separator: "\n").map(String.init)
      let names = [
        "recurrent", "chunkwise 1 ", "chunkwise 7 ", "chunkwise 64 ", "chunkwise 100 ", "chunkwise 500 ", "split in 7",
        "the same, state saved", "parallel, 2 threads", "recurrent, 2 threads", "chunkwise, 2 threads",
        "4 documents, parallel", "4 documents, recurrent", "4 documents, chunkwise",
      ]
      #expect(lines.count == 2 + names.count + 1)
      for (line, name) in zip(lines.dropFirst(2), names) {
        #expect(line.hasPrefix(name))
        #expect(line.hasSuffix(" %"), "\(line)")
      }
      #expect(lines.last?.hasPrefix("500 tokens of a built-in text, ") == true)
      #expect(
        lines.last?.hasSuffix(" The forms agree within rms 1e-05 after the head norm, 0.0001 at the logits.") == true)
      let everyLayer = try workspace.result("verify model.safetensors -v --length 40")
      #expect(everyLayer.split(separator: "\n").count == 2 + 3 * 12 + 1)
    }

    @Test func theReportHasAllNumbers() throws {
      let run = try workspace.run("verify model.safetensors --file text.txt --length 90 --chunk-length 5 --json -q")
      #expect(run.status == 0)
      #expect(run.talk == "")
      let report = try jsonObject(run.text)
      let keys = [
        "agrees", "model", "model_digest", "pairs", "schema_version", "seconds", "text", "tokens", "tolerance",
      ]
      #expect(report.keys.sorted() == keys)
      #expect(report["agrees"] as? Bool == true)
      #expect(report["tokens"] as? Int == 90)
      #expect(report["text"] as? String == "text.txt")
      #expect(report["tolerance"] as? [String: Double] == ["after_head_norm": 1e-5, "logits": 1e-4])
      let pairs = try #require(report["pairs"] as? [[String: Any]])
      #expect(pairs.compactMap { $0["run"] as? String }.filter { $0.hasPrefix("chunkwise ") } == ["chunkwise 5"])
      for pair in pairs {
        #expect(
          pair.keys.sorted()
            == ["against", "demand", "failed_layer", "failure", "layers", "logits", "run", "same_token"])
        let layers = try #require(pair["layers"] as? [[String: [String: Double]]])
        #expect(layers.count == 2)
        for layer in layers {
          #expect(layer.keys.sorted() == ["after_head_norm", "before_head_norm"])
          #expect(layer.values.allSatisfy { $0.keys.sorted() == ["largest", "rms"] })
        }
      }
    }

    @Test func beyondTheToleranceTheStatusIsOneAndTheLayerIsNamed() throws {
      let run = try workspace.run("verify model.safetensors --tolerance 1e-12 --length 100")
      #expect(run.status == 1)
      #expect(
        run.talk.contains(
          "verify: recurrent against parallel: layer 0 after the head norm: "
            + "expected an rms difference of at most 1e-13, found "), "\(run.talk)")
      #expect(run.text.contains(" FAILED\n"))
      #expect(run.text.contains(" pairs differ by more than rms 1e-13 after the head norm, 1e-12 at the logits."))
      // What must be the same to the last bit is, whatever the tolerance.
      #expect(!run.talk.contains("threads") && !run.talk.contains("saved"))
      let report = try workspace.run("verify model.safetensors --tolerance 1e-12 --length 100 --json -q")
      #expect(report.status == 1)
      #expect(report.talk == "")
      let pairs = try #require(try jsonObject(report.text)["pairs"] as? [[String: Any]])
      #expect(pairs[0]["failed_layer"] as? Int == 0)
      #expect((pairs[0]["failure"] as? String)?.hasPrefix("recurrent against parallel: layer 0 ") == true)
      #expect(try jsonObject(report.text)["agrees"] as? Bool == false)
    }

    @Test func textsAndTokenFilesAreRead() throws {
      for file in ["text.txt", "train.tokens"] {
        let text = try workspace.result("verify model.safetensors --file \(file) --length 60")
        #expect(text.contains("\n60 tokens of \(file), "))
      }
      // A text that is shorter than asked for is read as it is.
      try workspace.write("light and day", "short.txt")
      #expect(!(try workspace.result("verify model.safetensors --file short.txt")).contains("500 tokens"))
      try workspace.expectFailure(
        "verify model.safetensors --file none.txt", status: 66, "error: none.txt: no such file")
      try workspace.expectFailure("verify none.safetensors", status: 66, "error: none.safetensors: no such file")
    }

    @Test func conversionsAreVerified() throws {
      for dtype in ["f32", "bf16"] {
        let run = try workspace.run("convert model.safetensors -o new.safetensors --dtype \(dtype) --verify")
        #expect(run.status == 0, "\(run.talk)")
        #expect(run.text.contains("The forms agree within "))
      }
    }

    @Test(arguments: [
      ("--length 1", "--length: expected 2 to 65536, found 1"),
      ("--length 70000", "--length: expected 2 to 65536, found 70000"),
      ("--chunk-length 0", "--chunk-length: expected 1 to 65536, found 0"),
      ("--tolerance 0", "--tolerance: expected a number above 0, found 0.0"),
      ("--tolerance nan", "--tolerance: expected a number above 0, found nan"),
    ])
    func wrongOptions(_ option: String, _ message: String) throws {
      try workspace.expectFailure("verify model.safetensors \(option)", status: 64, message)
    }
  }
}
