import Checkpoints
import Files
import Foundation
import Modeling
import Tensors
import TestSupport
import Testing

/// Weights of a family come back from an export to the same family with the same bytes.
@Suite struct RoundTripTests {
  /// The bytes of every weight by our name, in the file's own format.
  private func bytes(of model: ForeignModel) throws -> [String: [UInt8]] {
    var found: [String: [UInt8]] = [:]
    for weight in model.reader.descriptions {
      var bytes: [UInt8] = []
      let format = try #require(model.formats[weight.name])
      try model.reader.tensor(weight).withBytes(in: format) { bytes += [UInt8](copying: $0) }
      found[weight.name] = bytes
    }
    return found
  }

  @Test(arguments: GoldenCase.all)
  func everyParameterHasTheSameBytes(_ golden: GoldenCase) throws {
    let source = try golden.model()
    guard let export = try source.family.export(source.reader) else {
      // The first version of syncdoth/RetNet is read only.
      #expect(source.family == .syncdothFirst)
      return
    }
    #expect(export.changes.isEmpty)
    let folder = try TemporaryFolder()
    _ = try export.write(toFolder: folder.path, shardByteLimit: 30_000) { source.formats[$0.name] ?? .float32 }
    try FileManager.default.copyItem(
      atPath: golden.folder.appendingPathComponent("config.json").path, toPath: folder.path + "/config.json")
    let written = try ForeignModel(WeightsFile(path: folder.path), scoreNorm: source.configuration.scoreNorm)
    #expect(written.family == source.family)
    #expect(written.configuration == source.configuration)
    #expect(written.formats == source.formats)
    #expect(try bytes(of: written) == bytes(of: source))
    // Names, types and shapes are the source's own, except where a later version of the program has others.
    let names = Set(source.weights.tensors.map(\.name))
    if !names.contains(where: { $0.hasPrefix("decoder.") && source.family == .torchscale }),
      names.contains("model.layers.0.mlp.up_proj.weight") || source.family != .fla
    {
      // A PyTorch file has a tied table under both names, safetensors has it once.
      let found = Set(written.weights.tensors.map(\.name))
      let tiedHeads: Set = ["output_projection.weight", "lm_head.weight"]
      #expect(found.symmetricDifference(names).isSubset(of: source.configuration.isHeadTied ? tiedHeads : []))
    }
  }
}
