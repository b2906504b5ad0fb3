import Checkpoints
import EngineTestSupport
import Foundation
import Modeling
import Retention
import Tensors
import TestSupport
import Testing

/// Other programs' weights give other programs' numbers.
///
/// The numbers are from Float64. The peers' own Float32 runs are off by 3e-7 to 5e-7 at the logits; allowed are 3e-6.
/// How far a gradient is off depends on the case, above all on how near the output of a head comes to zero. The limit
/// of each is a multiple of its sensitivity: of its distance in exact arithmetic when every weight is off by at most
/// 2^-24 of itself (`ExactGradients`, Tests/Golden/README.md).
@Suite struct GoldenParityTests {
  private let pool = WorkerPool(threadCount: 2)

  @Test func theFixturesAreThere() {
    #expect(GoldenCase.all.count >= 6)
    #expect(GoldenCase.withTraining.count >= 1)
  }

  @Test(arguments: GoldenCase.all)
  func everyContainerHoldsTheSameModel(_ golden: GoldenCase) throws {
    let paths = golden.weightPaths
    let first = try golden.model(at: paths[0])
    let weights = try first.loadParameters().flat.values
    for path in paths.dropFirst() {
      let other = try golden.model(at: path)
      #expect(other.configuration == first.configuration)
      #expect(try other.loadParameters().flat.values == weights)
    }
  }

  @Test(arguments: GoldenCase.all)
  func logitsAreTheirs(_ golden: GoldenCase) throws {
    let foreign = try golden.model()
    let network = LanguageModel(foreign.configuration, try foreign.loadParameters())
    let expected = try golden.numbers("expected.safetensors")
    let shape = try expected.shape("input_ids")
    let (ids, logits) = (try expected.ids("input_ids"), try expected.values("logits"))
    for form in forms(foreign) {
      let memory = InferenceMemory(
        foreign.configuration, form: form, batch: shape[0], time: shape[1], workers: pool.threadCount)
      var state = ModelState(foreign.configuration, batch: shape[0])
      let normed = network.forward(
        Indices(ids), batch: shape[0], form: form, state: &state, memory: memory, on: pool)
      let found = Tensor(Shape(ids.count, foreign.configuration.vocabularySize))
      network.computeLogits(found, normed, on: pool)
      let values = found.values
      expectClose(values, logits, ratio: 3e-6, "\(golden) \(form)")
      print("\(golden): logits, \(form): RMS ratio \(rmsRatio(values.map { Double($0) }, logits))")
    }
  }

  @Test(arguments: GoldenCase.all)
  func lossAndEveryGradientAreTheirs(_ golden: GoldenCase) throws {
    let expected = try golden.numbers("expected.safetensors")
    guard expected.has("loss") else { return }
    let foreign = try golden.model()
    let parameters = try foreign.loadParameters()
    let network = LanguageModel(foreign.configuration, parameters)
    #expect(
      Set(expected.names.filter { $0.hasPrefix("grad.") }) == Set(foreign.sources.map { "grad.\($0.name)" }))
    let shape = try expected.shape("input_ids")
    let ids = try expected.ids("input_ids")
    let targets = ids.indices.map { $0 % shape[1] == shape[1] - 1 ? -1 : ids[$0 + 1] }
    let exact = ExactGradients(
      ReferenceRetNet(foreign.configuration, parameters), ids: ids, targets: targets, time: shape[1], copies: 8)
    let sensitivities = foreign.sources.map { exact.sensitivity(of: $0.parts.map(\.weight.name)) }
    for (source, sensitivity) in zip(foreign.sources, sensitivities) {
      // Above 1e-3 a case tells little: it needs other ids.
      #expect(ExactGradients.allowed * sensitivity <= 1e-3, "\(golden): \(source.name)")
      // What a Float64 program may be off: by tables that a peer keeps in Float32, 0.5 to 1 times where T is 300.
      expectClose(
        exact.values(of: source.parts.map(\.weight.name)), try expected.values("grad.\(source.name)"),
        ratio: 3 * sensitivity,
        "\(golden) reference: grad.\(source.name)")
    }
    for form in forms(foreign) where form != .recurrent {
      let gradients = Parameters(foreign.configuration)
      let memory = TrainingMemory(
        foreign.configuration, batch: shape[0], time: shape[1], form: form, workers: pool.threadCount)
      let loss = network.addGradient(
        gradients, inputs: Indices(ids), targets: Indices(targets), scoredCount: shape[0] * (shape[1] - 1),
        memory: memory, on: pool)
      // Stored in Float32, which rounds by 6e-8; the sum of the peers' Float32 logits is off by 1e-7.
      expectClose([loss], try expected.values("loss"), ratio: 1e-6, "\(golden) \(form): loss")
      var worst = (times: 0.0, ratio: 0.0, name: "")
      for (source, sensitivity) in zip(foreign.sources, sensitivities) {
        let found = source.parts.flatMap { gradients.tensor($0.weight).values }
        let name = "grad.\(source.name)"
        #expect(try expected.shape(name) == source.shape)
        let theirs = try expected.values(name)
        expectClose(found, theirs, ratio: ExactGradients.allowed * sensitivity, "\(golden) \(form): \(name)")
        let ratio = rmsRatio(found.map { Double($0) }, theirs)
        if ratio / sensitivity > worst.times { worst = (ratio / sensitivity, ratio, source.name) }
      }
      print(
        "\(golden): worst gradient, \(form): \(worst.times) times its sensitivity, RMS ratio \(worst.ratio), "
          + worst.name)
    }
  }

  /// Σ|R| is known to the parallel form alone.
  private func forms(_ foreign: ForeignModel) -> [RetentionForm] {
    foreign.configuration.scoreNorm == .sumOfAbs
      ? [.parallel] : [.parallel, .recurrent, .chunkwise(chunkLength: 16), .chunkwise(chunkLength: 7)]
  }
}
