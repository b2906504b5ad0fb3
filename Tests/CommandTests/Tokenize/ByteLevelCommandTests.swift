import Foundation
import Testing

extension CommandRuns {
  /// A `tokenizer.json` of byte-level BPE serves wherever a tokenizer does.
  @Suite struct ByteLevelCommandTests {
    private let workspace: Workspace

    init() throws {
      workspace = try Workspace()
      let golden = projectFolder.appendingPathComponent("Tests/Golden/byte-level/llama3.json")
      try workspace.write(Data(contentsOf: golden), "tokenizer.json")
      _ = try workspace.result(
        "tokenize pack -m tokenizer.json --input text.txt --documents line -o train.tokens "
          + "--validation-output validation.tokens --validation-fraction 0.1 --verify -q")
      let configuration = try workspace.text("config.yaml").replacing("tokenizer.model", with: "tokenizer.json")
      try workspace.write(configuration, "config.yaml")
    }

    private func train() throws {
      _ = try workspace.result("train --config config.yaml -o bytes --max-steps 2 -q")
    }

    @Test func textComesBack() throws {
      let ids = try workspace.result("tokenize encode -m tokenizer.json text.txt")
      #expect(try workspace.result("tokenize decode -m tokenizer.json", input: ids) == workspace.text("text.txt"))
    }

    @Test func aModelKeepsItsTokenizer() throws {
      try train()
      let digest = try workspace.json("info tokenizer.json --json")["digest"] as? String
      let model = try workspace.json("info bytes/last.safetensors --json")
      #expect(model["tokenizer_digest"] as? String == digest && digest != nil)
      let text = try workspace.result("generate -m bytes -p light -n 5 --seed 1 --display-prompt")
      #expect(text.hasPrefix("light"))
      _ = try workspace.result("eval -m bytes text.txt --documents line")
      _ = try workspace.result("eval -m bytes train.tokens")
      let ids = try workspace.result("tokenize encode -m tokenizer.json text.txt")
      #expect(try workspace.result("tokenize encode -m bytes text.txt") == ids)
    }

    @Test func linesAreScoredAsTheyEnd() throws {
      try train()
      let scored = try workspace.run("generate -m bytes --follow", input: "the light\n\nday\n")
      #expect(scored.status == 0, "\(scored.talk)")
      let lines = scored.text.split(separator: "\n")
      #expect(lines.count == 3 && lines.allSatisfy { !$0.contains("nan") }, "\(scored.text)")
    }

    @Test func tokensOfAnotherTokenizerAreRefused() throws {
      let model = try workspace.text("config.yaml").replacing("tokenizer.json", with: "tokenizer.model")
      try workspace.write(model, "other.yaml")
      let run = try workspace.run("train --config other.yaml -o other")
      #expect(run.status == 65 && run.talk.contains("expected ids of the tokenizer"), "\(run.talk)")
    }

    @Test func theFileGoesOutAndInUnchanged() throws {
      try train()
      _ = try workspace.result("convert bytes --to huggingface -o hf -q")
      #expect(try workspace.bytes("hf/tokenizer.json") == workspace.bytes("tokenizer.json"))
      #expect(
        !FileManager.default.fileExists(atPath: workspace.folder.appendingPathComponent("hf/tokenizer.model").path))
      let run = try workspace.run("convert hf -o back.safetensors")
      #expect(run.status == 0 && run.talk.contains("hf/tokenizer.json: used as the tokenizer"), "\(run.talk)")
      let digests = try ["bytes/last.safetensors", "back.safetensors"].map {
        try workspace.json("info \($0) --json")["tokenizer_digest"] as? String
      }
      #expect(digests[0] == digests[1] && digests[0] != nil)
    }

    @Test func otherKindsAreRefusedByName() throws {
      let text = try workspace.text("tokenizer.json").replacing("\"type\":\"BPE\"", with: "\"type\":\"WordPiece\"")
      try workspace.write(text, "other.json")
      let run = try workspace.run("tokenize encode -m other.json text.txt")
      #expect(run.status == 65)
      #expect(
        run.talk.contains("other.json: not a usable tokenizer.json: model: expected byte-level BPE, found WordPiece"),
        "\(run.talk)")
      let place = try workspace.run("generate -m tokenizer.json -p x")
      #expect(place.status == 65 && place.talk.contains("found a tokenizer.json"), "\(place.talk)")
    }
  }
}
