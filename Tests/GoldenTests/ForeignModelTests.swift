import Checkpoints
import Foundation
import Modeling
import Retention
import TestSupport
import Testing

/// Weights that are changed a little, and what is said of them (docs/CHECKPOINT.md, section 4).
@Suite struct ForeignModelTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Copies a case's weights with each text replaced by one of the same length, and its settings with others.
  private func open(
    _ name: String, file: String = "model.safetensors", _ changes: [(String, String)] = [],
    settings: [(String, String)]? = [], headCount: Int? = nil
  ) throws -> ForeignModel {
    let source = try #require(GoldenCase.all.first { $0.description == name }).folder
    var bytes = try Data(contentsOf: source.appendingPathComponent(file))
    for (old, new) in changes {
      #expect(old.utf8.count == new.utf8.count)
      while let range = bytes.range(of: Data(old.utf8)) { bytes.replaceSubrange(range, with: Data(new.utf8)) }
    }
    let target = URL(fileURLWithPath: folder.path)
    try bytes.write(to: target.appendingPathComponent(file))
    if let settings {
      var text = try String(contentsOf: source.appendingPathComponent("config.json"), encoding: .utf8)
      for (old, new) in settings {
        #expect(text.contains(old))
        text = text.replacingOccurrences(of: old, with: new)
      }
      try text.write(to: target.appendingPathComponent("config.json"), atomically: true, encoding: .utf8)
    } else {
      try? FileManager.default.removeItem(at: target.appendingPathComponent("config.json"))
    }
    return try ForeignModel(
      WeightsFile(path: target.appendingPathComponent(file).path), headCount: headCount)
  }

  private func message(_ body: () throws -> ForeignModel) -> String {
    do {
      let model = try body()
      return "no error, but \(model.family)"
    } catch { return "\(error)" }
  }

  @Test func familiesAreToldByNames() throws {
    #expect(try open("fla-fused-gate").family == .fla)
    #expect(try open("yet-another-retnet").family == .yetAnotherRetNet)
    #expect(try open("torchscale-b-untied").family == .torchscale)
    #expect(try open("torchscale-b-untied").remarks.count == 1)
    #expect(try open("fla-fused-gate").remarks.isEmpty)
  }

  /// F1: a wrapper before every name.
  @Test func unknownNamesAreNoFamily() throws {
    #expect(message { try open("torchscale-b-untied", [("retention.", "attention.")]) }.contains("names that tell"))
  }

  /// F2, by names.
  @Test(arguments: [
    ("layers.1.ffn.fc1.w", "layers.1.moe_layer", "a mixture of experts"),
    ("layers.1.ffn.fc1.", "layers.1.ffn.B.1.", "a multiway model"),
    ("layers.1.ffn.fc1.weight", "layers.1.ffn_layernorm.", "a norm inside the feed-forward part"),
    ("layers.1.retention.g_proj.weight", "layers.1.retention.gt_proj.weigh", "the gated retention of YOCO"),
  ])
  func relativesAreRefusedByName(_ old: String, _ new: String, _ feature: String) throws {
    let found = message { try open("torchscale-b-untied", [(old, new)]) }
    #expect(found.contains("expected a plain RetNet or Llama, found \(feature) (tensor 'layers.1."), "\(found)")
  }

  /// F2, by settings.
  @Test(arguments: [
    ("torchscale-b-untied", "\"deepnorm\": false", "\"deepnorm\": true", "norms after the residual"),
    ("torchscale-b-untied", "\"multiway\": false", "\"multiway\": true", "a multiway model"),
    ("torchscale-b-untied", "\"moe_freq\": 0", "\"moe_freq\": 2", "a mixture of experts"),

    (
      "fla-hybrid", "\"attn\": {",
      "\"attn\": [{\"layers\": [0], \"num_heads\": 2}, {\"layers\": [1], \"num_heads\": 4}], \"\": {",
      "layers of attention of several kinds"
    ),
    ("llama", "\"rope_type\": \"default\"", "\"rope_type\": \"llama3\"", "rotary positions of another type"),
    ("llama", "\"model_type\": \"llama\"", "\"model_type\": \"mistral\"", "a model of type"),
    ("llama", "\"mlp_bias\": false", "\"mlp_bias\": true", "biases of the feed-forward part"),
    (
      "llama", "\"mlp_bias\": false", "\"mlp_bias\": false, \"rope_scaling\": {\"factor\": 2}",
      "scaled rotary positions"
    ),
    ("yet-another-retnet", "\"norm_first\": true", "\"norm_first\": false", "norms after retention"),
  ])
  func settingsThatAreNotComputedAreRefused(_ name: String, _ old: String, _ new: String, _ feature: String) throws {
    let found = message { try open(name, settings: [(old, new)]) }
    #expect(found.contains("config.json: expected a plain RetNet or Llama, found \(feature)"), "\(found)")
  }

  /// F2: what RetNet-XATL has more, as far as the file uses it.
  @Test func featuresOfXATLAreNamed() throws {
    let old = "\"pad_token_id\""
    func settings(_ more: String) -> [(String, String)] { [(old, "\(more), \(old)")] }
    for (more, features) in [
      (
        "\"parallel_residual\": true, \"rotary_percentage\": 0.25, \"groupnorm_affine\": false",
        " with a parallel residual (parallel_residual: true), partial rotation (rotary_percentage: 0.25)"
      ),
      (
        "\"parallel_residual\": false, \"hybrid_attention_layers\": [3, 7]",
        " with layers of attention (hybrid_attention_layers: a value with parts)"
      ),
      (
        "\"shared_attention_norm\": true",
        " with one norm for retention and feed-forward part (shared_attention_norm: true)"
      ),
      ("\"retnet_stability_update\": false, \"rotary_percentage\": 1.0", ""),
    ] {
      let found = message { try open("syncdoth-hf", settings: settings(more)) }
      #expect(
        found.hasSuffix("expected a plain RetNet or Llama, found RetNet-XATL\(features), which is not supported"),
        "\(found)")
    }
    let affine = message {
      try open("syncdoth-hf", [("layers.1.retention.v_proj.weight", "layers.1.retention.group_norm.we")])
    }
    #expect(
      affine.contains("RetNet-XATL with a head norm with weights and biases (tensor 'model.layers.1."), "\(affine)")
    let lit = message { try open("torchscale-b-untied", [("layers.1.retention", "transformer.h.1.at")], settings: nil) }
    #expect(lit.contains("found RetNet-XATL, which"), "\(lit)")
    // Null is no feature.
    #expect(try open("syncdoth-hf", settings: settings("\"parallel_residual\": null")).family == .syncdoth)
  }

  @Test func complexWeightsAreNamed() throws {
    // Two Float32 numbers are as long as a complex one; the shape says half as many.
    let found = message {
      try open(
        "torchscale-b-untied", [("{\"dtype\":\"F32\",\"shape\":[24],", "{\"dtype\":\"C64\",\"shape\":[12],")],
        settings: nil)
    }
    #expect(found.contains("expected a plain RetNet or Llama, found a complex-valued model (tensor '"), "\(found)")
  }

  /// F3.
  @Test func sizesOfTheSettingsMustBeThoseOfTheTensors() throws {
    let found = message {
      try open("fla-fused-gate", settings: [("\"hidden_size\": 16", "\"hidden_size\": 32")])
    }
    #expect(found.hasSuffix("config.json: key 'hidden_size': expected 16, as the weights have it, found 32"))
    let text = message { try open("fla-fused-gate", settings: [("\"norm_eps\": 1e-06", "\"norm_eps\": \"x\"")]) }
    #expect(text.hasSuffix("key 'norm_eps': expected a number, found text 'x'"))
  }

  /// F4.
  @Test func missingAndUnexpectedTensorsAreListed() throws {
    let found = message { try open("torchscale-b-untied", [("layers.1.ffn.fc1.", "layers.1.ffn.fcX.")]) }
    #expect(
      found.hasSuffix("none of these: 'layers.1.ffn.fc1.weight'; also these: 'layers.1.ffn.fcX.weight'"), "\(found)")
  }

  /// F5: ln γ of four heads is not that of the other rule.
  @Test func storedTablesMustBeTheConfigurations() throws {
    let found = message {
      try open(
        "torchscale-b-untied",
        settings: [("\"use_xmoe\": false", "\"use_xmoe\": false, \"use_lm_decay\": true")])
    }
    #expect(found.contains("tensor 'retnet_rel_pos.decay': expected -"), "\(found)")
  }

  /// F6: both names on one storage, or one name with a note.
  @Test func tiesAreFound() throws {
    #expect(try open("torchscale-b-tied-gelu-embednorm").configuration.isHeadTied)
    #expect(try open("torchscale-b-tied-gelu-embednorm", file: "model.pt").configuration.isHeadTied)
    #expect(try !open("torchscale-b-untied").configuration.isHeadTied)
    let found = message {
      try open(
        "torchscale-b-untied",
        settings: [
          ("\"share_decoder_input_output_embed\": false", "\"share_decoder_input_output_embed\": true")
        ])
    }
    #expect(found.contains("tensor 'output_projection.weight': expected the numbers of 'embed_tokens.weight'"))
  }

  /// F6: what the stored head is for, only its author knows.
  @Test func aTieOfTwoDifferentTablesIsRefused() throws {
    let found = message {
      try open("fla-fused-gate", settings: [("\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true")])
    }
    #expect(
      found.hasSuffix(
        "tensor 'lm_head.weight': expected the numbers of 'model.embeddings.weight', as tie_word_embeddings says, "
          + "found others; with tie_word_embeddings false the stored head counts"), "\(found)")
    #expect(try !open("fla-fused-gate").configuration.isHeadTied)
  }

  @Test func withoutSettingsTheTensorsTellTheHeads() throws {
    let untied = try open("torchscale-b-untied", settings: nil)
    #expect(untied.configuration.heads == 4)
    #expect(untied.remarks.count == 2)
    #expect(try open("fla-fused-gate", settings: nil).configuration.heads == 2)
    #expect(try open("yet-another-retnet", settings: nil).configuration.heads == 4)
    #expect(message { try open("fla-fused-gate", settings: nil, headCount: 4) }.contains("expected 4 heads, found 2"))
    let hidden = [("retnet_rel_pos", "retnet_rel_pus")]
    #expect(message { try open("torchscale-b-untied", hidden, settings: nil) }.contains("expected the number of heads"))
  }
}
