import Foundation
import Testing

extension CommandRuns {
  /// `convert --to` writes folders for other programs; models without a tokenizer run on ids.
  @Suite struct ExportTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    private func names(_ folder: String) throws -> [String] {
      try FileManager.default.contentsOfDirectory(
        atPath: workspace.folder.appendingPathComponent(folder).path
      ).sorted()
    }

    private func read(_ path: String) throws -> [String: Any] {
      try jsonObject(String(decoding: workspace.bytes(path), as: UTF8.self))
    }

    @Test func aHuggingFaceFolderIsTheModel() throws {
      let run = try workspace.run("convert model.safetensors --to huggingface -o out --verify")
      #expect(run.status == 0, "\(run.talk)")
      #expect(run.text.contains("out against model.safetensors: logits of 128 tokens"))
      for form in ["parallel", "recurrent", "chunkwise"] { #expect(run.text.contains(form)) }
      let expected = [
        "README.md", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer.model",
        "tokenizer_config.json",
      ]
      #expect(try names("out") == expected)
      let config = try read("out/config.json")
      let info = try workspace.json("info model.safetensors --json")
      #expect(config["model_type"] as? String == "retnet")
      #expect(config["hidden_size"] as? Int == info["width"] as? Int)
      #expect(config["bos_token_id"] as? Int == info["bos_id"] as? Int)
      #expect(config["dtype"] as? String == "float32")
      #expect(try read("out/generation_config.json")["eos_token_id"] as? Int == info["eos_id"] as? Int)
      let card = String(decoding: try workspace.bytes("out/README.md"), as: UTF8.self)
      #expect(card.contains("AutoModelForCausalLM.from_pretrained(\"out\")"))
      #expect(card.contains("| trained steps |"))

      _ = try workspace.result("convert out -o back.safetensors -q")
      let back = try workspace.json("eval -m back.safetensors text.txt --json -q")
      let own = try workspace.json("eval -m model.safetensors text.txt --json -q")
      #expect(back["loss"] as? Double == own["loss"] as? Double)
      #expect(back["tokenizer_digest"] as? String == own["tokenizer_digest"] as? String)
    }

    @Test func shardsHaveAnIndex() throws {
      _ = try workspace.result(
        "convert model.safetensors --to huggingface -o out --max-shard-size 20kB --dtype bf16 -q")
      let shards = try names("out").filter { $0.hasPrefix("model-0") }
      #expect(shards.count > 2)
      #expect(shards.last == "model-0000\(shards.count)-of-0000\(shards.count).safetensors")
      let index = try read("out/model.safetensors.index.json")
      let map = try #require(index["weight_map"] as? [String: String])
      #expect(Set(map.values) == Set(shards))
      #expect(try read("out/config.json")["dtype"] as? String == "bfloat16")
      #expect(try workspace.json("info out --json")["dtype"] as? String == "bf16")
    }

    @Test func sixteenBitWeightsKeepTheirFormat() throws {
      _ = try workspace.result("convert model.safetensors -o half.safetensors --dtype bf16 -q")
      _ = try workspace.result("convert half.safetensors --to huggingface -o out -q")
      _ = try workspace.result("convert model.safetensors -o eight.safetensors --quantize q8_0 -q")
      _ = try workspace.result("convert eight.safetensors --to huggingface -o wide -q")
      #expect(try workspace.json("info out --json")["dtype"] as? String == "bf16")
      #expect(try workspace.json("info wide --json")["dtype"] as? String == "f32")
    }

    @Test(arguments: [
      ("--to torchscale", 65, "torchscale cannot express this model: expected "),
      ("--to yet-another-retnet", 65, "norm layer, found rms"),
      ("--to huggingface --quantize q8_0", 64, "'--quantize' and '--to' cannot be used together"),
      ("--to torchscale --max-shard-size 1GB", 64, "--max-shard-size: expected together with --to huggingface"),
      ("--to huggingface --max-shard-size none", 64, "The value 'none' is invalid for '--max-shard-size"),
      ("--to gpt2", 64, "The value 'gpt2' is invalid for '--to"),
    ])
    func whatCannotBeWritten(_ line: String, _ status: Int, _ message: String) throws {
      let run = try workspace.run("convert model.safetensors -o out \(line)")
      #expect(run.status == Int32(status), "\(run.talk)")
      #expect(run.talk.contains(message), "\(run.talk)")
      #expect(!FileManager.default.fileExists(atPath: workspace.folder.appendingPathComponent("out").path))
      #expect(
        !(try FileManager.default.contentsOfDirectory(atPath: workspace.folder.path)).contains {
          $0.contains("partial")
        })
    }

    @Test func aFolderWithFilesStays() throws {
      try workspace.write("mine", "out.txt")
      let run = try workspace.run("convert model.safetensors --to huggingface -o .")
      #expect(run.status == 73 && run.talk.contains("expected a new or an empty folder"), "\(run.talk)")
      let file = try workspace.run("convert model.safetensors --to huggingface -o out.txt")
      #expect(file.status == 64 && file.talk.contains("expected a folder for --to, found the file 'out.txt'"))
    }

    @Test func twoModelsAreCompared() throws {
      _ = try workspace.result("convert model.safetensors -o half.safetensors --dtype bf16 -q")
      let same = try workspace.json("info model.safetensors model.safetensors --json")
      #expect((same["differences"] as? [String: Any])?.isEmpty == true)
      #expect((same["weights"] as? [String: Any])?["differing"] as? Int == 0)
      let other = try workspace.json("info model.safetensors half.safetensors --json")
      let differences = try #require(other["differences"] as? [String: [Any]])
      #expect(differences["dtype"] as? [String] == ["f32", "bf16"])
      #expect(differences["width"] == nil)
      let ratio = try #require((other["weights"] as? [String: Any])?["largest_rms_ratio"] as? Double)
      // Rounding to eight bits: uniform errors up to 2⁻⁹ of a number.
      #expect(ratio > 1e-4 && ratio < 0x1p-8)
      #expect(try workspace.result("info model.safetensors model.safetensors").contains("weights: all"))
    }

    @Test func aRunBesideAModelStandsForItsModel() throws {
      _ = try workspace.result("train --config config.yaml -o run --max-steps 1 -q")
      _ = try workspace.result("convert run --to huggingface -o out -q")
      _ = try workspace.result("convert out -o back.safetensors -q")
      let run = try workspace.run("info run back.safetensors")
      #expect(run.status == 0 && run.talk.contains("run: a run folder; using run/"), "\(run.talk)")
      #expect(run.text.hasSuffix("are equal\n"), "\(run.text)")
      #expect(run.text.contains("family\n  none\n  fla\n"), "\(run.text)")
      // What is the same, or missing on both sides, is not printed.
      #expect(!run.text.contains("width") && !run.text.contains("  none\n  none\n"), "\(run.text)")
      let folder = try workspace.result("info run out")
      #expect(folder.contains("files\n  none\n  out/model.safetensors\n"), "\(folder)")
      #expect(try workspace.result("info run run").hasPrefix("weights: all"))
      let checked = try workspace.json("info out --check --json")
      #expect((checked["check"] as? String)?.hasPrefix("no digest is stored; that of the tensors is ") == true)
      #expect(checked["tensor_bytes"] as? Int == 4 * (checked["parameters"] as? Int ?? 0))
    }

    @Test func infoTellsWhatAModelNeeds() throws {
      let info = try workspace.json("info model.safetensors --json")
      let parts = try #require(info["parameters_by_part"] as? [String: Int])
      #expect(parts.values.reduce(0, +) == info["parameters"] as? Int)
      let bytes = try #require(info["bytes_to_run"] as? [String: Int])
      #expect(bytes["f32"] ?? 0 > bytes["bf16"] ?? 0 && bytes["bf16"] ?? 0 > bytes["q8_0"] ?? 0)
      let halfLives = try #require(info["half_life_of_heads_in_tokens"] as? [Double])
      #expect(halfLives.count == info["heads"] as? Int)
      // ln 2 / -ln(1 - 2⁻⁵).
      #expect(abs(halfLives[0] - 21.832) < 1e-3)
    }
  }

  /// A model without a tokenizer.
  @Suite struct IDsTests {
    private let workspace: Workspace

    init() throws {
      workspace = try Workspace()
      // An export for torchscale's relatives has no tokenizer in the weights, and neither has a copy of them alone.
      _ = try workspace.result("convert model.safetensors --to huggingface -o out -q")
      for name in ["tokenizer.model", "tokenizer.json"] {
        try FileManager.default.removeItem(at: workspace.folder.appendingPathComponent("out/\(name)"))
      }
      _ = try workspace.result("convert out -o bare.safetensors -q")
    }

    @Test func generatesFromIDs() throws {
      let full = try workspace.json("generate -m model.safetensors --prompt-ids 1,42,7 -n 8 --temp 0 --json -q")
      let bare = try workspace.json("generate -m bare.safetensors --prompt-ids 1,42,7 -n 8 --temp 0 --json -q")
      #expect(bare["ids"] as? [Int] == full["ids"] as? [Int])
      #expect(bare["text"] is NSNull && full["text"] is String)
      #expect(bare["prompt_tokens"] as? Int == 3)
      let ids = try #require(bare["ids"] as? [Int])
      let run = try workspace.run("generate -m bare.safetensors --prompt-ids 1,42,7 -n 8 --temp 0")
      #expect(run.text == ids.map(String.init).joined(separator: " ") + "\n")
      #expect(run.talk.contains("note: the model has no tokenizer; it reads and writes token ids"))
    }

    @Test func aPromptOfIDsIsThatOfItsText() throws {
      let text = try workspace.run(["tokenize", "encode", "-m", "tokenizer.model", "--bos"], input: "And the light")
      let ids = text.text.split(whereSeparator: \.isWhitespace).joined(separator: ",")
      let line = "generate -m model.safetensors -n 8 --temp 0 --json -q"
      let expected = try workspace.run(line.split(separator: " ").map(String.init) + ["-p", "And the light"])
      #expect(
        try workspace.json("\(line) --prompt-ids \(ids)")["ids"] as? [Int] == jsonObject(expected.text)["ids"] as? [Int]
      )
    }

    @Test func scoresTokenFiles() throws {
      _ = try workspace.result("tokenize pack -m tokenizer.model --input text.txt -o all.tokens -q")
      let bare = try workspace.json("eval -m bare.safetensors all.tokens --json -q")
      let full = try workspace.json("eval -m model.safetensors all.tokens --json -q")
      #expect(bare["loss"] as? Double == full["loss"] as? Double)
      #expect(bare["tokenizer_digest"] is NSNull)
    }

    @Test(arguments: [
      ("generate -m bare.safetensors -p light", 65, "prompt: expected a tokenizer in bare.safetensors, found none"),
      ("generate -m bare.safetensors --prompt-ids 1 --stop x", 65, "--stop: expected a tokenizer"),
      ("generate -m bare.safetensors --follow", 65, "--follow: expected a tokenizer"),
      ("eval -m bare.safetensors text.txt", 65, "text.txt: expected a tokenizer"),
      ("generate -m bare.safetensors --prompt-ids 1,99999", 64, "--prompt-ids: expected ids from 0 to"),
      ("generate -m bare.safetensors --prompt-ids 1,x", 64, "The value '1,x' is invalid"),
      ("generate -m bare.safetensors --prompt-ids 1 -p x", 64, "cannot be used together"),
    ])
    func whatNeedsText(_ line: String, _ status: Int32, _ message: String) throws {
      let run = try workspace.run(line + " -q")
      #expect(run.status == status && run.output.isEmpty, "\(run.talk)")
      #expect(run.talk.contains(message), "\(run.talk)")
    }
  }
}
