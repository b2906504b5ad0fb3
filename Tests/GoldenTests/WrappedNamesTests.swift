import Checkpoints
import Foundation
import Modeling
import Tensors
import TestSupport
import Testing

/// F1: what wrappers have put before and among the names of tensors changes nothing, in any combination, for any family.
@Suite struct WrappedNamesTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Of a case, and of what is made of it where no file of the family is at hand.
  private struct Family: CustomTestStringConvertible, Sendable {
    let source: String
    let family: ForeignFamily
    var renames: [(String, String)] = []
    var testDescription: String { "\(family.name) from \(source)" }

    func name(_ name: String) -> String {
      renames.reduce(name) { name, change in
        name.hasPrefix(change.0) ? change.1 + name.dropFirst(change.0.count) : name
      }
    }
  }

  private static let families = [
    Family(source: "fla-fused-gate", family: .fla), Family(source: "yet-another-retnet", family: .yetAnotherRetNet),
    Family(source: "torchscale-b-untied", family: .torchscale),
    Family(source: "torchscale-b-tied-gelu-embednorm", family: .torchscale),
    Family(
      source: "torchscale-b-untied", family: .syncdoth,
      renames: [
        ("layers.", "model.layers."), ("embed_tokens.", "model.embed_tokens."), ("layer_norm.", "model.layer_norm."),
        ("retnet_rel_pos.", "model.retnet_rel_pos."), ("output_projection.", "lm_head."),
      ]),
  ]

  private static let wrappers: [@Sendable (String) -> String] = [
    { "_orig_mod." + $0 }, { "module." + $0 }, { "model." + $0 }, { "state_dict." + $0 }, { "_forward_module." + $0 },
    { "module._orig_mod." + $0 }, { "_orig_mod.module." + $0 }, { "model._orig_mod." + $0 },
    { "state_dict.model._orig_mod." + $0 }, { "_forward_module.module.model.module." + $0 },
    { $0.replacing("layers.0.", with: "layers.0._orig_mod.") },
    { "module." + $0.replacing("layers.", with: "_fsdp_wrapped_module.layers.") },
    { "net.module." + $0 }, { "student.backbone." + $0 },
    { $0.replacing("layers.1.", with: "layers.1._checkpoint_wrapped_module._orig_mod.") },
  ]

  /// Writes a case's weights under other names, its settings beside them.
  private func open(_ family: Family, hasMetadata: Bool = true, _ rename: (String) -> String) throws -> ForeignModel {
    let source = try #require(GoldenCase.all.first { $0.description == family.source }).folder
    let bytes = try Data(contentsOf: source.appendingPathComponent("model.safetensors"))
    let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let object = try JSONSerialization.jsonObject(with: bytes.dropFirst(8).prefix(length))
    var header: [String: Any] = [:]
    for (name, value) in try #require(object as? [String: Any]) {
      guard name == "__metadata__" else { header[rename(family.name(name))] = value; continue }
      guard hasMetadata else { continue }
      // Names that stand in the place of tied tables are wrapped as all others.
      let entries = try #require(value as? [String: String])
      header[name] = Dictionary(
        uniqueKeysWithValues: entries.map { key, value in
          key.hasSuffix(".weight") ? (rename(family.name(key)), rename(family.name(value))) : (key, value)
        })
    }
    let text = try JSONSerialization.data(withJSONObject: header)
    let prefix = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
    let target = URL(fileURLWithPath: folder.path)
    try (Data(prefix) + text + bytes.dropFirst(8 + length)).write(
      to: target.appendingPathComponent("model.safetensors"))
    try Data(contentsOf: source.appendingPathComponent("config.json"))
      .write(to: target.appendingPathComponent("config.json"))
    return try ForeignModel(WeightsFile(path: target.appendingPathComponent("model.safetensors").path))
  }

  @Test(arguments: families.indices, wrappers.indices)
  func wrappersChangeNothing(_ family: Int, _ wrapper: Int) throws {
    let family = Self.families[family]
    let bare = try open(family) { $0 }
    #expect(bare.family == family.family)
    let weights = try bare.loadParameters().flat.values
    let wrapped = try open(family, Self.wrappers[wrapper])
    #expect(wrapped.family == family.family)
    #expect(wrapped.configuration == bare.configuration)
    #expect(try wrapped.loadParameters().flat.values == weights)
  }

  /// Below `model.` and without a head, torchscale's names are those of syncdoth: the settings beside them decide.
  @Test func theSettingsTellTwoFamiliesOfTheSameNamesApart() throws {
    let bare = try open(Self.families[3]) { $0 }
    let weights = try bare.loadParameters().flat.values
    let wrapped = try open(Self.families[3], hasMetadata: false) { "model." + $0 }
    #expect(wrapped.family == .torchscale && wrapped.configuration == bare.configuration)
    #expect(try wrapped.loadParameters().flat.values == weights)
  }

  @Test func namesThatDifferInWrappersAloneAreRefused() throws {
    let family = Self.families[2]
    #expect(throws: CheckpointError.self) {
      try open(family) { $0 == "layer_norm.weight" ? "_orig_mod.embed_tokens.weight" : $0 }
    }
  }
}
