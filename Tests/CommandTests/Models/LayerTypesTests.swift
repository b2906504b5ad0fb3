import Foundation
import Testing

extension CommandRuns {
  /// Models with layers of attention and of linear attention, in every command.
  @Suite struct LayerTypesTests {
    private let workspace: Workspace
    private static let hybrid =
      "--set model.layer_types=retention,attention,linear_attention --set model.layers=3 "
      + "--set model.attention.heads=4 --set model.attention.key_heads=2"

    init() throws { workspace = try Workspace() }

    private func train(_ settings: String, to folder: String = "run") throws {
      _ = try workspace.result("train --config config.yaml -o \(folder) -q \(settings)")
    }

    @Test func aHybridOfAllThreeResumesToTheBit() throws {
      try train(Self.hybrid + " -t 1", to: "whole")
      for (folder, options) in [("two", "-t 2"), ("recomputed", "--set training.recompute=blocks")] {
        try train("\(Self.hybrid) \(options)", to: folder)
        #expect(
          try workspace.bytes("\(folder)/last.safetensors") == workspace.bytes("whole/last.safetensors"), "\(folder)")
      }
      try train("\(Self.hybrid) --max-steps 5", to: "cut")
      _ = try workspace.result("train --resume auto -o cut -q")
      #expect(try workspace.bytes("cut/last.safetensors") == workspace.bytes("whole/last.safetensors"))
      #expect(try workspace.bytes("cut/best.safetensors") == workspace.bytes("whole/best.safetensors"))
    }

    @Test(arguments: [
      (hybrid, "retention, attention, linear_attention", "layers of retention"),
      ("--set model.layer_types=attention", "attention", "2 layers of attention, 2 heads of 16"),
      ("--set model.layer_types=linear_attention", "linear_attention", "2 layers of linear_attention, 2 heads of 16"),
    ])
    func itRunsInEveryCommand(_ settings: String, _ types: String, _ words: String) throws {
      let plan = try workspace.run("train --config config.yaml -o run \(settings)")
      #expect(plan.status == 0 && plan.talk.contains(words), "\(plan.talk)")
      let model = "run/best.safetensors"
      #expect(try workspace.result("verify \(model) --length 100").contains("The forms agree"))
      let info = try workspace.result("info \(model) --check")
      #expect(info.contains("the digest is right") && info.contains("layer types"), "\(info)")
      let losses = try ["", "--window 64", "--form recurrent"].map {
        try #require(try workspace.json("eval -m \(model) text.txt --json -q \($0)")["loss"] as? Double)
      }
      #expect(losses.allSatisfy { $0 > 1 && $0 < 7 } && abs(losses[0] - losses[2]) < 1e-4, "\(losses)")
      _ = try workspace.result("convert \(model) -o small.safetensors --quantize q8_0 -q")
      #expect(try workspace.result("eval -m small.safetensors text.txt -q").contains("perplexity"))
      for name in [model, "small.safetensors"] {
        let line = "generate -m \(name) --ignore-eos -q --temp 0 -p light"
        let text = try workspace.result("\(line) -n 30 -t 1")
        #expect(text == (try workspace.result("\(line) -n 30 -t 2")))
        // The prompt of a second run is the text of the first.
        #expect(try workspace.result("\(line) -n 30 --beams 2").count > 5)
        #expect(try workspace.result("\(line) -n 8 --num-samples 3 -s 1").count > 5)
      }
    }

    @Test func whatNeedsStatesOfFixedSizeIsRefused() throws {
      try train("--set model.layer_types=attention")
      let model = "run/best.safetensors"
      let expected = "expected a model with states of fixed size, found layers of attention"
      try workspace.expectFailure(
        "generate -m \(model) -p light -n 2 --state-out s", status: 64, "--state-out: \(expected)")
      try workspace.expectFailure("eval -m \(model) text.txt --progress p", status: 64, "--progress: \(expected)")
      try workspace.expectFailure(
        "train --config config.yaml -o c --set model.layer_types=attention --set training.carry_state=true", status: 78,
        "training.carry_state: expected layers with states of fixed size, found attention")
      try workspace.expectFailure(
        "train --config config.yaml -o c --init-from \(model) --set model.layer_types=attention "
          + "--set training.state_tuning=true", status: 78, "expected layers of retention alone, found attention")
      try workspace.expectFailure(
        "generate -m model.safetensors -p light --kv-cache bf16", status: 64,
        "--kv-cache: expected a model with layers of attention, found retention")
    }

    @Test func theCacheGrowsAndMayBeHalved() throws {
      try train("--set model.layer_types=attention")
      func said(_ options: String) throws -> String {
        let run = try workspace.run(
          "generate -m run/best.safetensors -p light -n 60 --ignore-eos --temp 0 --timings \(options)")
        #expect(run.status == 0)
        return run.talk
      }
      // Two layers of 128 rows of 32 keys and 32 values.
      let whole = try said("")
      #expect(whole.contains("\nstate: 65.5 kB"), "\(whole)")
      #expect(try said("--kv-cache bf16").contains("\nstate: 32.8 kB"))
      let info = try workspace.json("info run/best.safetensors --json")
      #expect(info["state_bytes_per_token"] as? Int == 512 && info["state_bytes"] as? Int == 0)
    }

    @Test func aTransformerGoesOutAsALlama() throws {
      try train("--set model.layer_types=attention --set model.attention.key_heads=1")
      _ = try workspace.result("convert run --to huggingface -o llama -q")
      let settings = try jsonObject(workspace.text("llama/config.json"))
      #expect(settings["model_type"] as? String == "llama" && settings["num_key_value_heads"] as? Int == 1)
      _ = try workspace.result("convert llama -o back.safetensors -q")
      let losses = try ["back.safetensors", "run/best.safetensors"].map {
        try workspace.json("eval -m \($0) text.txt --json -q")["loss"] as? Double
      }
      #expect(losses[0] == losses[1] && losses[0] != nil)
      // A hybrid with linear attention has no program that reads it.
      try train(Self.hybrid, to: "hybrid")
      try workspace.expectFailure(
        "convert hybrid --to huggingface -o out", status: 65, "fla cannot express this model: expected layer_types ")
      try train("--set model.layer_types=retention,attention --set model.rotation_layout=half_split", to: "mixed")
      _ = try workspace.result("convert mixed --to huggingface -o fla -q")
      let attention = try #require(try jsonObject(workspace.text("fla/config.json"))["attn"] as? [String: Any])
      #expect(attention["layers"] as? [Int] == [1] && attention["num_heads"] as? Int == 2)
      _ = try workspace.result("convert fla -o mixed-back.safetensors -q")
      let both = try ["mixed-back.safetensors", "mixed/best.safetensors"].map {
        try workspace.json("eval -m \($0) text.txt --json -q")["loss"] as? Double
      }
      #expect(both[0] == both[1] && both[0] != nil)
    }

    @Test(arguments: [
      ("layer_types=attention,rwkv", "expected one of retention, attention, linear_attention, found text 'rwkv'"),
      ("layer_types=atention", "did you mean 'attention'?"),
      ("layer_types=retention,attention,attention", "expected at most 2 types, as there are layers, found 3"),
      ("attention.heads=3", ""),
    ])
    func wrongTypesAreRefused(_ setting: String, _ message: String) throws {
      guard !message.isEmpty else {
        // A key of layers that the model does not have changes nothing.
        try train("--set model.\(setting)", to: "unused")
        #expect(try workspace.bytes("unused/last.safetensors").count > 0)
        return
      }
      try workspace.expectFailure(
        "train --config config.yaml -o c --set model.\(setting)", status: 78, message)
    }

    @Test func anEvaluationSaysThatAttentionSeesAWholeText() throws {
      try train("--set model.layer_types=attention", to: "whole")
      try train("--set model.layer_types=attention --set model.attention.window=16", to: "window")
      let note = "attention looks back over a whole document"
      #expect(try workspace.run("eval -m whole/best.safetensors text.txt").talk.contains(note))
      #expect(try !workspace.run("eval -m whole/best.safetensors text.txt --window 64").talk.contains(note))
      #expect(try !workspace.run("eval -m window/best.safetensors text.txt").talk.contains(note))
    }

    @Test func evaluationsOfATransformerHaveItsTrainingLength() throws {
      try train("--set model.layer_types=attention --set training.evaluate_every=12")
      let found = try workspace.text("run/metrics.jsonl").split(separator: "\n").last { $0.contains("validation_loss") }
      let loss = try #require(found?.firstMatch(of: /"validation_loss":([0-9.]+)/)?.output.1)
      let expected = try #require(
        try workspace.json("eval -m run/last.safetensors validation.tokens --json -q --window 32 --stride 16")["loss"]
          as? Double)
      #expect(abs(try #require(Double(loss)) - expected) < 1e-5)
    }
  }
}
