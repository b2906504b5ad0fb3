import Foundation
import Testing

extension CommandRuns {
  /// A model with every switch of the architecture, in every command.
  @Suite struct SwitchedModelTests {
    private let workspace: Workspace

    init() throws {
      workspace = try Workspace()
      _ = try workspace.result(
        "train --config config.yaml -o run -q --set training.dropout=0.1 --set model.zero_init_output=true "
          + "--set model.embedding_residual=true --set model.logit_softcap=15 --set model.activation=relu2")
      try workspace.write(try workspace.bytes("run/best.safetensors"), "switched.safetensors")
    }

    @Test func theFileSaysWhatTheModelIs() throws {
      let info = try workspace.json("info switched.safetensors --json")
      #expect(info["embedding_residual"] as? Bool == true && info["zero_init_output"] as? Bool == true)
      #expect(info["logit_softcap"] as? Double == 15 && info["activation"] as? String == "relu2")
      #expect(try workspace.result("info switched.safetensors --check").contains("the digest is right"))
      let names = try workspace.result("info switched.safetensors -v")
      #expect(names.contains("layers.1.residual_scale") && names.contains("layers.0.embedding_residual_scale"))
    }

    @Test(arguments: ["", "--quantize q8_0", "--dtype bf16"]) func itRunsInEveryForm(conversion: String) throws {
      if !conversion.isEmpty {
        _ = try workspace.result("convert switched.safetensors -o converted.safetensors -q \(conversion)")
        try workspace.write(try workspace.bytes("converted.safetensors"), "switched.safetensors")
      }
      #expect(try workspace.result("verify switched.safetensors --length 100").contains("The forms agree"))
      #expect(try workspace.result("eval -m switched.safetensors text.txt -q").contains("perplexity"))
      let line = "generate -m switched.safetensors --ignore-eos -q --temp 0"
      let whole = try workspace.result("\(line) -p light -n 30")
      let first = try workspace.result("\(line) -p light -n 12 --state-out state")
      #expect(String(first.dropLast()) + (try workspace.result("\(line) -n 18 --state-in state -t 2")) == whole)
      // Texts made at the same time are those made alone.
      let samples = "generate -m switched.safetensors --ignore-eos -q -p light -n 12 -s 3 --json --num-samples"
      func texts(_ count: Int) throws -> [String] {
        try workspace.result("\(samples) \(count)").split(separator: "\n").map(String.init)
      }
      #expect(try texts(3).count >= 3)
    }

    @Test func otherProgramsCannotHaveIt() throws {
      let said = try workspace.expectFailure(
        "convert switched.safetensors --to huggingface -o out", status: 65, "fla cannot express this model: expected ")
      for problem in [
        "embedding_residual false, found true", "logit_softcap 0.0, found 15.0",
        "activation silu, found relu2",
      ] { #expect(said.contains(problem), "\(said)") }
      #expect(!said.contains("zero_init_output"))
    }

    @Test func outputsThatBeganAsZerosAreExported() throws {
      _ = try workspace.result("train --config config.yaml -o zero -q --set model.zero_init_output=true")
      _ = try workspace.result("convert zero/best.safetensors --to huggingface -o out -q")
      _ = try workspace.result("convert out -o back.safetensors -q")
      let losses = try ["back.safetensors", "zero/best.safetensors"].map {
        try workspace.json("eval -m \($0) text.txt --json -q")["loss"] as? Double
      }
      #expect(losses[0] == losses[1] && losses[0] != nil)
    }

    @Test func aRateOutsideItsRangeIsRefused() throws {
      try workspace.expectFailure(
        "train --config config.yaml -o new --set training.dropout=1", status: 78, "training.dropout")
      // The smallest cap overflows nothing; 1e-40 and 1e300 did, and the loss was no number.
      for cap in ["-1", "1e-40", "0.001", "1e300"] {
        try workspace.expectFailure(
          "train --config config.yaml -o new --set model.logit_softcap=\(cap)", status: 78, "model.logit_softcap")
      }
      _ = try workspace.result("train --config config.yaml -o small -q --max-steps 2 --set model.logit_softcap=0.01")
      _ = try workspace.result("train --config config.yaml -o large -q --max-steps 2 --set model.logit_softcap=1e6")
    }
  }
}
