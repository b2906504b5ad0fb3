import Configurations
import Corpora
import Foundation
import Modeling
import Tensors
import Testing
import Training
import retnet

/// The files of `configs/`: each is whole and valid, and has the parameters that it says.
@Suite struct ConfigurationsTests {
  private struct Plan {
    let model: ModelConfiguration
    let training: TrainingConfiguration
    let text: String

    var parameterCount: Int { Parameters.descriptions(model).reduce(0) { $0 + $1.shape.count } }
  }

  /// Pieces of the quickstart's tokenizer, which its files leave to be found.
  private static let quickstartVocabulary = 4_096

  private static let folder = projectFolder.appendingPathComponent("configs")

  /// All files but those of folders below.
  private static func names(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(path).path)
      .filter { $0.hasSuffix(".yaml") }.sorted()
  }

  private func plan(_ name: String) throws -> Plan {
    let bytes = try Data(contentsOf: Self.folder.appendingPathComponent(name))
    var file = ConfigurationFile(bytes: [UInt8](bytes), path: name)
    var model = file.read("model", as: ModelConfiguration.self).resolved
    let training = file.read("training", as: TrainingConfiguration.self)
    _ = file.read("data", as: DataConfiguration.self)
    try file.finish()
    if model.vocabularySize == 0 { model.vocabularySize = Self.quickstartVocabulary }
    #expect(model.contradictions.isEmpty, "\(name)")
    return Plan(model: model, training: training, text: String(decoding: bytes, as: UTF8.self))
  }

  /// The first number before the word "parameters" in the comments.
  private func statedCount(_ text: String) -> Int? {
    let words = text.split { $0 == " " || $0 == "\n" }
    return zip(words, words.dropFirst()).lazy.compactMap { number, word in
      word.hasPrefix("parameters") ? Int(number.replacing(",", with: "")) : nil
    }.first
  }

  @Test func everyFileHasTheParametersThatItSays() throws {
    let folders = ["ablations", "baselines"]
    let names = try Self.names("") + folders.flatMap { folder in try Self.names(folder).map { "\(folder)/\($0)" } }
    #expect(names.count >= 16)
    for name in names where name != "kjv-small.yaml" {
      let plan = try plan(name)
      print("configs/\(name): \(plan.parameterCount) parameters, stated \(statedCount(plan.text) ?? 0)")
      #expect(statedCount(plan.text) == plan.parameterCount, "\(name)")
      // What a run would need at least, before anything is allocated.
      let forecast = MemoryForecast(plan.model, plan.training.resolved, isEvaluated: true, workers: 8, program: 0)
      print("  memory of a run: \((forecast.total / 1e8).rounded() / 10) GB")
      #expect(forecast.total > 16 * Double(plan.parameterCount))
    }
    // README.md shows what the quickstart says.
    #expect(try plan("kjv-small.yaml").parameterCount == 2_869_520)
  }

  /// The baselines differ in layers and feed-forward width alone, and hardly in size.
  @Test func theBaselinesAreComparable() throws {
    let whole = try plan("baselines/retention.yaml")
    for name in try Self.names("baselines") {
      let plan = try plan("baselines/\(name)")
      #expect(abs(Double(plan.parameterCount) / Double(whole.parameterCount) - 1) < 0.002, "\(name)")
      #expect(plan.training == whole.training, "\(name)")
      var model = plan.model
      (model.layerTypes, model.attention) = (whole.model.layerTypes, whole.model.attention)
      (model.feedForwardWidth, model.keyWidth, model.valueWidth) = (
        whole.model.feedForwardWidth, whole.model.keyWidth, whole.model.valueWidth
      )
      #expect(model == whole.model, "\(name)")
    }
  }

  /// Sizes, and the rates of section 3.1; a billion has as many digits as the name.
  @Test(arguments: [
    ("1.3b", 1.3, 24, 2_048, 8, 6e-4), ("2.7b", 2.7, 32, 2_560, 10, 3e-4), ("6.7b", 6.7, 32, 4_096, 16, 3e-4),
  ])
  func theModelsOfThePaperRoundToTheirNames(
    _ name: String, _ billions: Double, _ layers: Int, _ width: Int, _ heads: Int, _ rate: Double
  ) throws {
    let plan = try plan("paper-\(name).yaml")
    let found = Double(plan.parameterCount) / 1e9
    print("\(name): published \(billions) billion, found \(found)")
    #expect(abs(found - billions) <= 0.05)
    let model = plan.model
    #expect(model.layers == layers && model.width == width && model.heads == heads)
    #expect(model.keyWidth / heads == 256 && model.valueWidth / heads == 512)
    // 12 D² for each layer, as the paper counts.
    let blocks = Parameters.descriptions(model).filter { $0.name.hasPrefix("layers.") && $0.isMatrix }
    #expect(blocks.reduce(0) { $0 + $1.shape.count } == 12 * width * width * layers)
    let training = plan.training
    #expect(training.learningRate == rate && training.steps == 25_000 && training.warmupSteps == 375)
    #expect(training.batchTokens == 2_048 * 2_048 && training.beta2 == 0.98 && training.gradientClip == 2)
  }

  @Test func anAblationDiffersInItsKeyAlone() throws {
    let baseline = try plan("ablations/baseline.yaml")
    let expected = [
      "no-decay": "decay: none", "no-gate": "gate: false", "no-head-norm": "head_norm: none",
      "single-decay": "decay: single", "small-heads": "heads: 24",
    ]
    let names = try Self.names("ablations").map { $0.replacing(".yaml", with: "") }.filter { $0 != "baseline" }
    #expect(names == expected.keys.sorted())
    for name in names {
      let plan = try plan("ablations/\(name).yaml")
      let changed = zip(plan.model.settings, baseline.model.settings).filter { $0.0.value != $0.1.value }.map(\.0)
      let lines = changed.map { "\($0.name): \($0.value.yaml)" }.filter { !$0.hasPrefix("key_heads") }
      #expect(lines == [expected[name] ?? ""], "\(name)")
      #expect(plan.training == baseline.training && plan.text.contains("`\(expected[name] ?? "")`"))
    }
  }
}
