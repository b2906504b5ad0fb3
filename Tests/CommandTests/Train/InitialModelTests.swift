import Foundation
import Testing

extension CommandRuns {
  /// `--init-from`: runs that begin with a model.
  @Suite struct InitialModelTests {
    private let workspace: Workspace

    /// Neither a model nor a tokenizer: both are those of the model to begin with.
    private static let configuration = """
      data:
        train: train.tokens
        validation: validation.tokens
      training:
        steps: 9
        batch_tokens: 128
        sequence_length: 32
        chunk_length: 16
        warmup_steps: 2
        checkpoint_every: 3

      """
    private static let line = "train --config tune.yaml -q "

    init() throws {
      workspace = try Workspace()
      try workspace.write(Self.configuration, "tune.yaml")
    }

    private func files(_ name: String) -> RunFiles {
      RunFiles(folder: workspace.folder.appendingPathComponent(name))
    }

    private func digest(_ name: String) throws -> String {
      let report = try JSONSerialization.jsonObject(with: Data(try workspace.result("info --json \(name)").utf8))
      return try #require((report as? [String: Any])?["digest"] as? String)
    }

    @Test func theRunBeginsWithTheModelAndSaysSo() throws {
      _ = try workspace.result(Self.line + "-o run --init-from model.safetensors --max-steps 2")
      let model = RunFiles(folder: workspace.folder)
      let (found, given) = (
        try files("run").content(of: "checkpoints/step-00000000.safetensors"),
        try model.content(of: "model.safetensors")
      )
      #expect(found.tensors == given.tensors && found.numbers == given.numbers)
      #expect(found.metadata["retnet.model"] == given.metadata["retnet.model"])
      let digest = try digest("model.safetensors")
      #expect(
        try workspace.text("run/config.yaml").hasPrefix(
          "# begun with \(workspace.folder.path)/model.safetensors, digest \(digest)\nmodel:\n"))
      #expect(try workspace.text("run/config.yaml").contains("\n  feed_forward_width: 48\n"))
      let state = try files("run").content(of: "checkpoints/step-00000002.training-state.safetensors")
      #expect(state.metadata["retnet.initial"] == #"{"digest":"\#(digest)","path":"model.safetensors"}"#)
      let last = try files("run").content(of: "last.safetensors")
      #expect(last.metadata["retnet.provenance"]?.contains(#""parent":"\#(digest)""#) == true)
      #expect(last.numbers != given.numbers)
    }

    @Test func theRunGoesOnWithoutTheModelAndEndsAsIfNothingHadBeen() throws {
      try workspace.write(workspace.bytes("model.safetensors"), "start.safetensors")
      _ = try workspace.result(Self.line + "-o run --init-from start.safetensors --max-steps 3")
      _ = try workspace.result(Self.line + "-o whole --init-from start.safetensors")
      try FileManager.default.removeItem(at: workspace.folder.appendingPathComponent("start.safetensors"))
      _ = try workspace.result(Self.line + "-o run --resume auto")
      try files("run").expectEqual(files("whole"))
      #expect(try workspace.bytes("run/config.yaml") == workspace.bytes("whole/config.yaml"))
      // Asked again with a model, the checkpoint comes first.
      let again = try workspace.run("train --config tune.yaml -o run --resume auto --init-from none.safetensors")
      #expect(again.status == 0 && again.talk.contains("none.safetensors: ignored"), "\(again.talk)")
    }

    /// A process that is killed before its first checkpoint leaves that of step 0.
    @Test func theRunGoesOnFromStepZero() throws {
      _ = try workspace.result(Self.line + "-o run --init-from model.safetensors --max-steps 1")
      for suffix in ["safetensors", "training-state.safetensors"] {
        try FileManager.default.removeItem(
          at: workspace.folder.appendingPathComponent("run/checkpoints/step-00000001.\(suffix)"))
      }
      let rest = try workspace.run("train --config tune.yaml -o run --resume auto")
      #expect(rest.status == 0 && rest.talk.contains("resuming from step 0"), "\(rest.talk)")
      _ = try workspace.result(Self.line + "-o whole --init-from model.safetensors")
      try files("run").expectEqual(files("whole"))
    }

    @Test func withResumeAndNoCheckpointTheModelIsRead() throws {
      _ = try workspace.result(Self.line + "-o run --resume auto --init-from model.safetensors")
      _ = try workspace.result(Self.line + "-o whole --init-from model.safetensors")
      try files("run").expectEqual(files("whole"))
    }

    @Test func weightsOfOtherFormatsAreWidened() throws {
      _ = try workspace.result("convert model.safetensors --dtype bf16 -o half.safetensors")
      _ = try workspace.result("convert half.safetensors --dtype f32 -o wide.safetensors")
      for name in ["half", "wide"] {
        _ = try workspace.result(Self.line + "-o \(name) --init-from \(name).safetensors")
      }
      let (half, wide) = (
        try files("half").content(of: "last.safetensors"), try files("wide").content(of: "last.safetensors")
      )
      #expect(half.numbers == wide.numbers)
    }

    @Test func weightsOfAnotherProgramAreABeginning() throws {
      let golden = projectFolder.appendingPathComponent("Tests/Golden/torchscale-b-untied/model.pt").path
      let text = String(repeating: "light and day\n", count: 80)
      try workspace.write(text, "letters.txt")
      _ = try workspace.result(
        "tokenize train --input letters.txt --model-type char --no-byte-fallback --vocab-size 14 -o letters.model")
      _ = try workspace.result("tokenize pack -m letters.model --input letters.txt -o letters.tokens")
      let line = "train --config tune.yaml -o foreign --set data.train=letters.tokens --set data.validation= "
      let run = try workspace.run(line + "--set data.tokenizer=letters.model --init-from \(golden)")
      #expect(run.status == 0 && run.talk.contains("weights of torchscale"), "\(run.talk)")
      let last = try files("foreign").content(of: "last.safetensors")
      #expect(last.metadata["retnet.provenance"]?.contains(#""family":"torchscale""#) == true)
      #expect(last.metadata["retnet.model"]?.contains(#""vocabulary_size":61"#) == true)
      // It has no tokenizer of its own.
      try workspace.expectFailure(
        line.replacing("-o foreign", with: "-o new") + "--init-from \(golden)", status: 78,
        "key 'data.tokenizer': expected a tokenizer, found none")
    }

    @Test(arguments: [
      ("--set model.width=64", 78, "key 'model.width': expected 32, as model.safetensors has it, found 64"),
      ("--set model.gate=false", 78, "key 'model.gate': expected true, as model.safetensors has it, found false"),
      ("--set data.tokenizer=other.model", 65, "other.model: expected the tokenizer of model.safetensors, digest "),
      ("--set training.train_only=layers.2.*", 78, "training.train_only: expected patterns that match weights"),
      ("--resume new/checkpoints/step-00000003.safetensors", 64, "--init-from: "),
    ])
    func whatDoesNotFitTheModelIsRefused(_ change: String, _ status: Int32, _ message: String) throws {
      try workspace.expectFailure(
        Self.line + "-o new --init-from model.safetensors \(change)", status: status, message)
    }

    @Test func allThatDoesNotFitIsToldAtOnce() throws {
      try workspace.write(TinyProject.configuration.replacing("layers: 2", with: "layers: 3"), "tune.yaml")
      let run = try workspace.run(Self.line + "-o new --init-from model.safetensors --set model.heads=4")
      #expect(run.status == 78)
      #expect(
        run.talk == """
          error: tune.yaml:3:3: key 'model.layers': expected 2, as model.safetensors has it, found 3
          error: --set: key 'model.heads': expected 2, as model.safetensors has it, found 4

          """)
    }

    @Test func aQuantisedModelIsNoBeginning() throws {
      _ = try workspace.result("convert model.safetensors --quantize q8_0 -o small.safetensors")
      try workspace.expectFailure(
        Self.line + "-o new --init-from small.safetensors", status: 65,
        "small.safetensors: expected a model with weights in f32, bf16 or f16 to start from, found q8_0")
    }

    @Test func aStateIsTrainedThatGenerationLoads() throws {
      let tuning = Self.line + "--set training.state_tuning=true --set training.learning_rate=0.1 -o "
      let result = try workspace.result(tuning + "tuned --init-from model.safetensors")
      #expect(result.hasPrefix("tuned/best.state.safetensors  "))
      // Better than the model alone is, which has no state.
      func bits(_ text: String) throws -> Double { try #require(Double(text.split(separator: " ")[1])) }
      let still = try workspace.result(
        tuning + "still --init-from model.safetensors --set training.learning_rate=1e-30")
      #expect(try bits(result) < bits(still))
      // What is made without a state is what an empty state makes.
      let line = "generate -m model.safetensors -p Light -n 30 --temp 0 -q"
      let (plain, other) = (
        try workspace.result(line), try workspace.result(line + " --state-in tuned/best.state.safetensors")
      )
      #expect(plain != other)
      #expect(try workspace.result(line + " --state-in still/best.state.safetensors") == plain)
      let info = try workspace.result("state info tuned/last.state.safetensors --json")
      #expect(info.contains("\"tokens\" : 0") || info.contains("\"tokens\":0"), "\(info)")
      // The state of a state that was read on from is a state like any other.
      _ = try workspace.result(line + " --state-in tuned/best.state.safetensors --state-out on.safetensors")
      _ = try workspace.result("generate -m model.safetensors -p and -n 4 -q --state-in on.safetensors")
      // The frozen weights are those of the model.
      let (model, checkpoint) = (
        try RunFiles(folder: workspace.folder).content(of: "model.safetensors"),
        try files("tuned").content(of: "checkpoints/step-00000009.safetensors")
      )
      #expect(model.numbers == checkpoint.numbers)
      #expect(try !files("tuned").names.contains("last.safetensors"))

      _ = try workspace.result(tuning + "run --init-from model.safetensors --max-steps 3")
      _ = try workspace.result(tuning + "run --resume auto")
      try files("run").expectEqual(files("tuned"))
    }

    @Test(arguments: [
      ("", "training.state_tuning: expected a model to start from, given by --init-from, found none"),
      (
        "--init-from model.safetensors --set training.carry_state=true",
        "key 'training.state_tuning': expected false, as carry_state is true, found true"
      ),
      (
        "--init-from model.safetensors --set training.train_only=embed.*",
        "key 'training.train_only': expected none, as state_tuning trains no weight, found 1"
      ),
      (
        "--init-from model.safetensors --set model.bos=document",
        "training.state_tuning: expected model.bos sequence, as model.safetensors has it, found document"
      ),
    ])
    func statesThatCannotBeTrained(_ change: String, _ message: String) throws {
      let data = change.isEmpty ? "--set data.tokenizer=tokenizer.model " : ""
      try workspace.expectFailure(
        Self.line + "-o new --set training.state_tuning=true \(data)\(change)", status: 78, message)
    }

    /// However a shell leaves the list.
    @Test(arguments: [
      "lm_head.weight", "[lm_head.weight]", "[\"lm_head.weight\"]", "['lm_head.w*']", "[*_head.weight]",
    ])
    func aDryRunTellsWhatIsFrozen(_ names: String) throws {
      let text = try workspace.result(
        Self.line + "--dry-run --init-from model.safetensors --set training.train_only=\(names)")
      #expect(text.contains("# 10,240 of them are trained, "), "\(text)")
    }
  }
}
