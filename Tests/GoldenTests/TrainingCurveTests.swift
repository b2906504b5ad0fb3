import EngineTestSupport
import Foundation
import Modeling
import Retention
import Tensors
import TestSupport
import Testing
import Training

/// Twenty steps of AdamW give the losses, gradient norms and weights that PyTorch gives in Float64.
///
/// At each step the loss and the gradients are also compared with exact arithmetic at the same weights: that is the
/// test of our arithmetic, and no step's error enters the next. The curve itself magnifies rounding: at step 18 (plain)
/// and 19 (clipped) a head's first output is nearly zero. The limit of each of its numbers is a multiple of the
/// number's sensitivity: of its distance in exact runs whose initial weights are off by at most 2^-24 of themselves
/// (Tests/Golden/README.md).
@Suite struct TrainingCurveTests {
  private let pool = WorkerPool(threadCount: 2)
  /// How many times its sensitivity a number may be off: every step rounds all that it computes. Found are up to 10.3
  /// (losses), 9.6 (gradient norms), 10.7 (sums) and 7.6 (lengths), over five BLAS cores.
  private static let allowed = 16.0

  @Test(arguments: GoldenCase.withTraining, [("plain", ""), ("clipped", "_clipped")])
  func twentyStepsAreTheirs(_ golden: GoldenCase, _ curve: (name: String, suffix: String)) throws {
    let numbers = try golden.numbers("training.safetensors")
    let facts = try TrainingFacts(golden.folder.appendingPathComponent("training.json"), curve: curve.name)
    let foreign = try golden.model()
    let parameters = try foreign.loadParameters()
    let network = LanguageModel(foreign.configuration, parameters)
    let decayed = foreign.sources.filter { source in
      source.parts.allSatisfy { facts.configuration.weightDecayOn.contains($0.weight) }
    }
    #expect(Set(decayed.map(\.name)) == Set(facts.decayed))

    let shape = try numbers.shape("train_ids")
    let (steps, batch, time) = (shape[0], shape[1], shape[2] - 1)
    let ids = try numbers.ids("train_ids")
    let rows = (0..<steps).map { step in
      (0..<batch).map { Array(ids[(step * batch + $0) * (time + 1)..<(step * batch + $0 + 1) * (time + 1)]) }
    }
    let shifted = ReferenceRetNet(foreign.configuration, parameters).shifted(copies: 8).map {
      ExactTraining($0, steps: rows, facts.configuration, decayed: Set(decayed.flatMap { $0.parts.map(\.weight.name) }))
    }
    let gradients = Parameters(foreign.configuration)
    let names = gradients.descriptions.map(\.name)
    let memory = TrainingMemory(
      foreign.configuration, batch: batch, time: time,
      form: foreign.configuration.scoreNorm == .sumOfAbs ? .parallel : .chunkwise(chunkLength: 16),
      workers: pool.threadCount)
    var optimizer = Optimizer(TrainedTensors(parameters, gradients: gradients), facts.configuration, on: pool)
    var (losses, norms): ([Double], [Double]) = ([], [])
    var times = (gradients: 0.0, losses: 0.0, norms: 0.0, sums: 0.0, lengths: 0.0)
    for (step, rows) in rows.enumerated() {
      let (inputs, targets) = (rows.flatMap { $0.dropLast() }, rows.flatMap { $0.dropFirst() })
      gradients.flat.clear(on: pool)
      losses.append(
        network.addGradient(
          gradients, inputs: Indices(inputs), targets: Indices(targets), scoredCount: batch * time, memory: memory,
          on: pool))
      norms.append(optimizer.gradientNorm(on: pool))
      let exact = ExactGradients(
        ReferenceRetNet(foreign.configuration, parameters), ids: inputs, targets: targets, time: time, copies: 4)
      // Found are up to 3.3e-7, over five BLAS cores.
      #expect(abs(losses[step] - exact.loss) <= 1e-6)
      let found = gradients.descriptions.flatMap { gradients.tensor($0).values }
      let sensitivity = exact.sensitivity(of: names)
      expectClose(
        found, exact.values(of: names), ratio: ExactGradients.allowed * sensitivity, "gradients of step \(step)")
      times.gradients = max(
        times.gradients, rmsRatio(found.map { Double($0) }, exact.values(of: names)) / sensitivity)
      optimizer.update(
        norm: norms[step], learningRate: facts.configuration.learningRate, decayFactor: 1, on: pool)
    }

    let theirLosses = try numbers.values("losses" + curve.suffix)
    let theirNorms = try numbers.values("grad_norms" + curve.suffix)
    for step in 0..<steps {
      let (loss, norm) = (shifted.map { $0.losses[step] }, shifted.map { $0.norms[step] })
      times.losses = max(times.losses, expectNear(losses[step], theirLosses[step], loss, "loss of step \(step)"))
      times.norms = max(times.norms, expectNear(norms[step], theirNorms[step], norm, "norm of step \(step)"))
    }
    #expect(Set(facts.final.keys) == Set(foreign.sources.map(\.name)))
    for source in foreign.sources {
      let found = Totals(source.parts.map { parameters.tensor($0.weight).reference })
      let theirs = try #require(facts.final[source.name])
      let exact = shifted.map { run in Totals(source.parts.compactMap { run.model.parameters[$0.weight.name] }) }
      times.sums = max(times.sums, expectNear(found.sum, theirs.sum, exact.map(\.sum), "sum of \(source.name)"))
      times.lengths = max(
        times.lengths, expectNear(found.length, theirs.length, exact.map(\.length), "length of \(source.name)"))
    }
    print("\(golden), \(curve.name): largest multiples of the sensitivity: \(times)")
  }

  /// Expects a number to be as near to the peer's as its sensitivity justifies.
  ///
  /// - Parameters:
  ///   - found: Ours.
  ///   - theirs: The peer's.
  ///   - shifted: Those of the exact runs from shifted weights.
  ///   - name: What is compared.
  /// - Returns: The distance in multiples of the sensitivity.
  private func expectNear(_ found: Double, _ theirs: Double, _ shifted: [Double], _ name: String) -> Double {
    let (distance, sensitivity) = (abs(found - theirs), rootMeanSquare(shifted.map { $0 - theirs }))
    #expect(
      distance <= Self.allowed * sensitivity,
      "\(name): found \(found), expected \(theirs), allowed \(Self.allowed) times \(sensitivity)")
    return distance / sensitivity
  }
}

/// What is stored of a weight after the last step.
private struct Totals {
  let sum: Double
  let length: Double

  init(_ parts: [ReferenceTensor]) {
    sum = parts.reduce(0) { $0 + $1.values.reduce(0, +) }
    length = Reference.globalNorm(parts)
  }

  init?(_ entry: [String: Double]) {
    guard let sum = entry["sum"], let length = entry["l2"] else { return nil }
    (self.sum, self.length) = (sum, length)
  }
}

/// How a curve was made, and what it came to.
private struct TrainingFacts {
  var configuration = TrainingConfiguration()
  /// Names of the weights that decay.
  let decayed: [String]
  /// Each weight after the last step.
  let final: [String: Totals]

  init(_ file: URL, curve: String) throws {
    let object = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any]
    let optimizer = try #require(object?["optimizer"] as? [String: Any])
    let facts = try #require((object?["curves"] as? [String: Any])?[curve] as? [String: Any])
    let betas = try #require(optimizer["betas"] as? [Double])
    configuration.learningRate = try #require(optimizer["lr"] as? Double)
    configuration.beta1 = betas[0]
    configuration.beta2 = betas[1]
    configuration.epsilon = try #require(optimizer["eps"] as? Double)
    configuration.weightDecay = try #require(facts["weight_decay"] as? Double)
    configuration.gradientClip = (facts["clip"] as? [String: Any])?["max_norm"] as? Double ?? 0
    decayed = try #require(facts["weight_decay_applies_to"] as? [String])
    configuration.weightDecayOn = (facts["weight_decay_skips"] as? [String])?.isEmpty == true ? .all : .hiddenMatrices
    let entries = try #require(facts["final_parameters"] as? [String: [String: Double]])
    final = entries.compactMapValues { Totals($0) }
  }
}
