import Checkpoints
import EngineTestSupport
import Foundation
import Modeling
import Retention
import Tensors
import TestSupport
import Testing

/// A model in the conventions of another program computes the same function, or is refused by key and value.
@Suite struct ForeignExportTests {
  private let pool = WorkerPool(threadCount: 1)

  /// A model with random weights, norm weights and biases included.
  private func model(_ change: (inout ModelConfiguration) -> Void) -> LanguageModel {
    var c = ModelConfiguration()
    (c.width, c.layers, c.heads, c.valueWidth, c.feedForwardWidth, c.vocabularySize) = (24, 2, 4, 32, 20, 31)
    change(&c)
    c = c.resolved
    let parameters = Parameters(c)
    var generator = SeededGenerator(seed: 7)
    for weight in parameters.descriptions {
      let tensor = parameters.tensor(weight)
      for index in 0..<tensor.count {
        tensor[index] = Float(weight.role == .norm ? 0.5 + generator.nextUniform() : 0.3 * generator.nextNormal())
      }
    }
    return LanguageModel(c, parameters)
  }

  private func logits(_ network: LanguageModel) -> [Float] {
    let ids = (0..<24).map { Int32($0 * 5 % 31) }
    let form = RetentionForm.chunkwise(chunkLength: 7)
    let memory = InferenceMemory(network.configuration, form: form, batch: 1, time: 24, workers: 1)
    var state = ModelState(network.configuration, batch: 1)
    let normed = network.forward(Indices(ids), batch: 1, form: form, state: &state, memory: memory, on: pool)
    let logits = Tensor(Shape(24, 31))
    network.computeLogits(logits, normed, on: pool)
    return logits.values
  }

  private func followTorchscale(_ c: inout ModelConfiguration) {
    (c.rotationFrequencies, c.headNormWeight, c.rotationLayout) = (.linspace, .none, .interleaved)
  }

  /// The changes of one export, each of which leaves the function as it is.
  private static let cases: [(ForeignFamily, String, @Sendable (inout ModelConfiguration) -> Void)] = [
    (.fla, "nothing to change", { _ in }),
    (.fla, "grouped heads", { $0.keyHeads = 2 }),
    (.fla, "interleaved pairs", { $0.rotationLayout = .interleaved }),
    (.fla, "no weight of the head norm", { $0.headNormWeight = .none }),
    (.fla, "a weight for each head", { $0.headNormWeight = .full }),
    (.fla, "outputs that began as zeros", { $0.hasZeroInitialOutputs = true }),
    (.fla, "embedding scale", { $0.embeddingScale = 3 }),
    (.fla, "embedding scale of a tied head", { ($0.embeddingScale, $0.isHeadTied) = (3, true) }),
    (.fla, "no gate", { $0.hasGate = false }),
    (.torchscale, "nothing to change", { _ in }),
    (.torchscale, "outputs that began as zeros", { $0.hasZeroInitialOutputs = true }),
    (.torchscale, "grouped heads", { $0.keyHeads = 2 }),
    (.torchscale, "halves", { $0.rotationLayout = .halfSplit }),
    (.torchscale, "shared weight of the head norm", { $0.headNormWeight = .shared }),
    (.torchscale, "a weight for each head", { ($0.headNormWeight, $0.rotationLayout) = (.full, .halfSplit) }),
    (.torchscale, "embedding scale", { ($0.embeddingScale, $0.hasEmbeddingNorm) = (3, true) }),
    (.syncdoth, "other decays, tied head", { ($0.decay, $0.isHeadTied, $0.embeddingScale) = (.linspace, true, 2) }),
  ]

  @Test(arguments: cases.indices)
  func theFunctionStays(_ index: Int) throws {
    let (family, title, change) = Self.cases[index]
    let network = model { c in
      if family != .fla { followTorchscale(&c) }
      change(&c)
    }
    let export = try #require(try family.export(WeightReader(network)))
    let changed = LanguageModel(export.weights.configuration, try export.weights.loadParameters())
    // Products round once; orders and repetitions not at all, but sums of a row may run in another order. With OpenBLAS's
    // AVX-512 kernels that is 1.1e-6 where the halves of queries and keys change places.
    expectClose(logits(changed), logits(network).map(Double.init), ratio: 2e-6, "\(family.name): \(title)")
  }

  /// What is written is what is read again, in the family's own names and shapes.
  @Test(arguments: cases.indices)
  func theImporterReadsIt(_ index: Int) throws {
    let (family, title, change) = Self.cases[index]
    let network = model { c in
      if family != .fla { followTorchscale(&c) }
      change(&c)
    }
    let export = try #require(try family.export(WeightReader(network)))
    let folder = try TemporaryFolder()
    _ = try export.write(toFolder: folder.path, shardByteLimit: 4_000) { _ in .float32 }
    try Data(export.settingsText().utf8).write(to: URL(fileURLWithPath: folder.path + "/config.json"))
    let read = try ForeignModel(WeightsFile(path: folder.path), scoreNorm: ScoreNorm.none)
    #expect(read.family == family, "\(title)")
    var expected = export.weights.configuration
    // The importer has no other sign of BOS than its id.
    expected.bos = .none
    // It is no part of the function, and no program stores it.
    expected.hasZeroInitialOutputs = false
    #expect(read.configuration == expected, "\(family.name): \(title)")
    #expect(try read.loadParameters().flat.values == export.weights.loadParameters().flat.values)
  }

  @Test(arguments: [
    (ForeignFamily.fla, "norm layer", "norm rms, found layer"),
    (.fla, "decay linspace", "decay powers, found linspace"),
    (.fla, "bias", "head_bias false, found true"),
    (.fla, "no final norm, tied, scaled", "embedding_scale 1.0, found 3.0; final_norm true, found false"),
    (.torchscale, "frequencies", "rotation_frequencies linspace, found standard"),
    (.torchscale, "key width", "key_width 24, found 48"),
    (.syncdoth, "bias", "head_bias false, found true"),
    (.yetAnotherRetNet, "frequencies", "norm layer, found rms; "),
    (.fla, "embedding residual", "embedding_residual false, found true"),
    (.torchscale, "embedding residual", "embedding_residual false, found true"),
    (.syncdoth, "cap", "logit_softcap 0.0, found 15.0"),
    (.yetAnotherRetNet, "cap", "logit_softcap 0.0, found 15.0"),
    (.fla, "squared relu", "activation silu, found relu2"),
    (.syncdoth, "squared relu", "activation silu or gelu or relu, found relu2"),
  ])
  func whatAFamilyCannotExpressIsNamed(_ family: ForeignFamily, _ what: String, _ message: String) {
    let network = model { c in
      if family != .fla { followTorchscale(&c) }
      switch what {
      case "norm layer": c.norm = .layer
      case "decay linspace": c.decay = .linspace
      case "bias": c.hasHeadBias = true
      case "no final norm, tied, scaled": (c.hasFinalNorm, c.isHeadTied, c.embeddingScale) = (false, true, 3)
      case "frequencies": c.rotationFrequencies = .standard
      case "embedding residual": c.hasEmbeddingResidual = true
      case "cap": c.logitSoftcap = 15
      case "squared relu": c.activation = .reluSquared
      default: c.keyWidth = 48
      }
    }
    do {
      _ = try family.export(WeightReader(network))
      Issue.record("\(family.name): \(what) is not refused")
    } catch {
      #expect("\(error)".hasPrefix("\(family.name) cannot express this model: expected "), "\(error)")
      #expect("\(error)".contains(message), "\(error)")
    }
  }
}
