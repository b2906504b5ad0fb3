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
/// At each step the loss, the gradients and their norm are also compared with exact arithmetic at the same weights: that
/// is the test of our arithmetic, and no step's error enters the next. The curve itself keeps 1e-5 (losses), 2e-3
/// (gradient norms) for ten steps and 1e-5 (lengths of the final weights). Then it magnifies rounding: at step 18 (plain)
/// and 19 (clipped) a head's first output is nearly zero. Exact arithmetic whose initial weights are off by at most
/// 2^-24 of each ends with losses off by 1.8e-6 to 1.7e-5, norms by 1.2e-3 to 1.9e-2 and sums by 1e-5 to 9.4e-5, over
/// eight seeds a curve; ours, over five BLAS cores and both forms, by 5.1e-6 to 3.1e-5, 4.2e-3 to 3.9e-2 and 3e-5 to
/// 2e-4. Tests/Golden/README.md says where this comes from.
@Suite struct TrainingCurveTests {
  private let pool = WorkerPool(threadCount: 2)

  @Test(arguments: GoldenCase.withTraining, [("plain", ""), ("clipped", "_clipped")])
  func twentyStepsAreTheirs(_ golden: GoldenCase, _ curve: (name: String, suffix: String)) throws {
    let numbers = try golden.numbers("training.safetensors")
    let facts = try TrainingFacts(golden.folder.appendingPathComponent("training.json"), curve: curve.name)
    let foreign = try golden.model(at: golden.folder.path)
    let parameters = try foreign.loadParameters()
    let network = RetNet(foreign.configuration, parameters)
    let decayed = foreign.sources.filter { source in
      source.parts.allSatisfy { facts.configuration.weightDecayOn.contains($0) }
    }
    #expect(Set(decayed.map(\.name)) == Set(facts.decayed))

    let shape = try numbers.shape("train_ids")
    let (steps, batch, time) = (shape[0], shape[1], shape[2] - 1)
    let ids = try numbers.ids("train_ids")
    let gradients = Parameters(foreign.configuration)
    let memory = TrainingMemory(
      foreign.configuration, batch: batch, time: time,
      form: foreign.configuration.scoreNorm == .sumOfAbs ? .parallel : .chunkwise(chunkLength: 16),
      workers: pool.threadCount)
    var optimizer = Optimizer(TrainedTensors(parameters, gradients: gradients)) { _ in .adamW }
    var (losses, norms): ([Double], [Double]) = ([], [])
    var errors: [StepErrors] = []
    for step in 0..<steps {
      let rows = (0..<batch).map { ids[(step * batch + $0) * (time + 1)..<(step * batch + $0 + 1) * (time + 1)] }
      gradients.flat.clear(on: pool)
      losses.append(
        network.addGradient(
          gradients, inputs: Indices(rows.flatMap { $0.dropLast() }), targets: Indices(rows.flatMap { $0.dropFirst() }),
          scoredCount: batch * time, memory: memory, on: pool))
      let norm = optimizer.gradientNorm(on: pool)
      norms.append(norm)
      let exact = ReferenceRetNet(foreign.configuration, parameters).lossAndGradients(
        rows.map { $0.dropLast().map(Int.init) }, targets: rows.map { $0.dropFirst().map(Int.init) })
      errors.append(StepErrors(loss: losses[step], norm: norm, gradients, exact: exact))
      optimizer.update(
        norm: norm, learningRate: facts.configuration.learningRate, facts.configuration, on: pool)
    }

    // At the same weights, over four BLAS cores: 3.1e-7, 3.4e-4 and 4.1e-4, and 4.3e-6 in the best 17 steps of 20.
    #expect(errors.map(\.loss).allSatisfy { $0 <= 1e-6 })
    #expect(errors.map(\.norm).allSatisfy { $0 <= 2e-3 })
    #expect(errors.map(\.gradient).allSatisfy { $0 <= 2e-3 })
    #expect(errors.count { $0.gradient <= 1e-5 } >= steps - 3)

    let theirLosses = try numbers.values("losses" + curve.suffix)
    let theirNorms = try numbers.values("grad_norms" + curve.suffix)
    let half = steps / 2
    #expect(largestDistance(losses.prefix(half), theirLosses.prefix(half), isRelative: false) <= 1e-5)
    #expect(largestDistance(norms.prefix(half), theirNorms.prefix(half), isRelative: true) <= 2e-3)
    let lossDistance = largestDistance(losses[...], theirLosses[...], isRelative: false)
    let normDistance = largestDistance(norms[...], theirNorms[...], isRelative: true)
    #expect(Set(facts.final.keys) == Set(foreign.sources.map(\.name)))
    var (worstSum, worstLength) = (0.0, 0.0)
    for source in foreign.sources {
      let values = source.parts.flatMap { parameters.tensor($0).values }.map { Double($0) }
      let (sum, length) = try #require(facts.final[source.name])
      let foundLength = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      // A sum of both signs has no scale of its own: the length is it.
      worstSum = max(worstSum, abs(values.reduce(0, +) - sum) / length)
      worstLength = max(worstLength, abs(foundLength - length) / length)
    }
    #expect(worstLength <= 1e-5)
    // The limits that the peer's own Float32 run keeps; a Float64 run from weights rounded once more misses them too.
    withKnownIssue("the last steps magnify Float32 rounding beyond the tolerance", isIntermittent: true) {
      #expect(lossDistance <= 1e-5)
      #expect(normDistance <= 2e-3)
      #expect(worstSum <= 1e-5)
    }
    // Twice the worst that five BLAS cores and two forms gave.
    #expect(lossDistance <= 6e-5)
    #expect(normDistance <= 8e-2)
    #expect(worstSum <= 4e-4)
    print(
      "\(golden), \(curve.name): losses \(lossDistance), norms \(normDistance), sums \(worstSum), lengths \(worstLength)"
    )
  }

  private func largestDistance(_ found: ArraySlice<Double>, _ expected: ArraySlice<Double>, isRelative: Bool) -> Double
  {
    guard found.count == expected.count else { return .infinity }
    return zip(found, expected).map { abs($0 - $1) / (isRelative ? $1 : 1) }.max { !($0 >= $1) } ?? .infinity
  }
}

/// How far a step is from exact arithmetic at the same weights.
private struct StepErrors {
  let loss: Double
  /// Relative.
  let norm: Double
  /// Of all gradients together: an RMS ratio.
  let gradient: Double

  init(
    loss: Double, norm: Double, _ gradients: Parameters, exact: (loss: Double, gradients: [String: ReferenceTensor])
  ) {
    let exactNorm = Reference.globalNorm(exact.gradients.values)
    let differences = gradients.descriptions.compactMap { description in
      exact.gradients[description.name].map { gradients.tensor(description).reference - $0 }
    }
    self.loss = abs(loss - exact.loss)
    self.norm = abs(norm - exactNorm) / exactNorm
    gradient =
      differences.count == exact.gradients.count ? Reference.globalNorm(differences) / exactNorm : .infinity
  }
}

/// How a curve was made, and what it came to.
private struct TrainingFacts {
  var configuration = TrainingConfiguration()
  /// Names of the weights that decay.
  let decayed: [String]
  /// Sum and length of each weight after the last step.
  let final: [String: (sum: Double, length: Double)]

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
    final = try #require(facts["final_parameters"] as? [String: [String: Double]]).compactMapValues { entry in
      entry["sum"].flatMap { sum in entry["l2"].map { (sum, $0) } }
    }
  }
}
