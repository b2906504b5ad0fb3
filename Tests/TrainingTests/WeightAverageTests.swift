import Inference
import Modeling
import Tensors
import TestSupport
import Testing
import Training

@Suite struct WeightAverageTests {
  private func average(_ trainer: Trainer) throws -> [Float] {
    let slot = try #require(trainer.slots.first { $0.name == "average" })
    return slot.tensors.flat.values
  }

  @Test func isTheMeanThatTheFormulaSays() throws {
    var run = try TinyRun()
    (run.configuration.averageDecay, run.configuration.steps) = (0.6, 20)
    var loop = try run.loop()
    var expected = loop.trainer.network.parameters.flat.values.map { Double($0) }
    #expect(try average(loop.trainer).map { Double($0) } == expected)
    for step in 1...20 {
      try loop.run(limit: step) { _ in }
      let decay = min(0.6, Double(1 + step) / Double(10 + step))
      for (index, weight) in loop.trainer.network.parameters.flat.values.enumerated() {
        expected[index] = decay * expected[index] + (1 - decay) * Double(weight)
      }
    }
    expectClose(try average(loop.trainer), expected, ratio: 1e-6)
  }

  @Test func doesNotChangeTheRun() throws {
    var run = try TinyRun()
    run.configuration.evaluateEvery = 10
    let plain = try run.events(isValidated: true)
    run.configuration.averageDecay = 0.9
    let averaged = try run.events(isValidated: true)
    #expect(averaged.losses == plain.losses && averaged.words == plain.words)
  }

  @Test func isEvaluatedBesideTheWeights() throws {
    var run = try TinyRun()
    (run.configuration.averageDecay, run.configuration.steps, run.configuration.evaluateEvery) = (0.9, 10, 5)
    var loop = try run.loop(isValidated: true)
    var scores: [(weights: Double, average: Double?)] = []
    try loop.run { event in
      if case .evaluation(_, let score, let averaged, _) = event { scores.append((score.loss, averaged?.loss)) }
    }
    #expect(scores.count == 2 && scores.allSatisfy { $0.average != nil && $0.average != $0.weights })
    // The weights are back, and the average scores what it scored.
    let trainer = loop.trainer
    let weights = trainer.network.parameters.flat.values
    let inside = trainer.withAveragedWeights { trainer.network.parameters.flat.values }
    #expect(trainer.network.parameters.flat.values == weights)
    #expect(try inside == average(trainer))
  }

  @Test func averagesOnlyWhatIsTrained() throws {
    var run = try TinyRun()
    (run.configuration.averageDecay, run.configuration.trainOnly) = (0.9, ["layers.1.*"])
    let trainer = try run.loop().trainer
    let slot = try #require(trainer.slots.first { $0.name == "average" })
    #expect(slot.tensors.descriptions.allSatisfy { $0.name.hasPrefix("layers.1.") })
    #expect(!slot.tensors.descriptions.isEmpty)
  }

  @Test func stateTuningHasNone() {
    var configuration = TrainingConfiguration()
    (configuration.averageDecay, configuration.tunesState) = (0.9, true)
    #expect(configuration.contradictions.map(\.key) == ["ema_decay"])
  }
}
