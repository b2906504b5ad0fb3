import EngineTestSupport
import Modeling
import Tensors
import TestSupport
import Testing
import Training

/// Training with dropout and with the switches of the architecture: the same bits however a run is carried out.
@Suite struct SwitchesTests {
  private static let switched = TinyRun.model {
    ($0.hasEmbeddingResidual, $0.hasZeroInitialOutputs) = (true, true)
    ($0.logitSoftcap, $0.activation) = (15, .reluSquared)
  }

  private static let hybrid = TinyRun.model {
    ($0.layerTypes, $0.layers) = (LayerPattern([.retention, .attention, .linearAttention]), 3)
    ($0.attention.heads, $0.attention.keyHeads, $0.attention.biases) = (4, 2, .all)
  }

  private func run(steps: Int = 6, dropout: Double = 0.2) throws -> TinyRun {
    var run = try TinyRun()
    (run.configuration.steps, run.configuration.dropout) = (steps, dropout)
    return run
  }

  /// The losses and then the weights of a run.
  private func bits(
    _ run: TinyRun, threadCount: Int = 1, _ model: ModelConfiguration = switched
  ) throws -> (losses: [Double], weights: [UInt32]) {
    var loop = try run.loop(threadCount: threadCount, model: model)
    var losses: [Double] = []
    try loop.run { losses += [$0].losses }
    return (losses, loop.trainer.network.parameters.flat.bits)
  }

  @Test(arguments: [switched, hybrid]) func threadsAndRecomputationChangeNoBit(_ model: ModelConfiguration) throws {
    var run = try run()
    let expected = try bits(run, model)
    for threadCount in [1, 2, 3] {
      for recompute in Recomputation.allCases {
        run.configuration.recompute = recompute
        let found = try bits(run, threadCount: threadCount, model)
        #expect(found.losses == expected.losses && found.weights == expected.weights)
      }
    }
    run.configuration.seed = 2
    #expect(try bits(run, model).losses != expected.losses)
  }

  @Test(arguments: [1, 20, 40], [switched, hybrid])
  func microBatchesHaveTheMasksOfTheWholeBatch(tokens: Int, _ model: ModelConfiguration) throws {
    var run = try run(steps: 3)
    (run.configuration.precision, run.configuration.largestMicroBatchTokens) = (.float32, 80)
    let whole = try bits(run, model).losses
    run.configuration.largestMicroBatchTokens = tokens
    // The same sums, cut elsewhere; two updates magnify their rounding.
    for (found, expected) in zip(try bits(run, model).losses, whole) { #expect(abs(found / expected - 1) < 1e-5) }
  }

  @Test func withoutDropoutNothingIsDropped() throws {
    let model = TinyRun.model()
    let usual = try bits(run(dropout: 0), model).losses
    let (none, some) = (try bits(run(dropout: 1e-9), model).losses, try bits(run(dropout: 0.2), model).losses)
    // A rate that rounds to 0 drops nothing. Branches are added in a step of their own, which rounds once more.
    for (found, expected) in zip(none, usual) { #expect(abs(found / expected - 1) < 1e-4) }
    for (found, expected) in zip(some, none) { #expect(found != expected) }
  }

  @Test func theFirstLossIsThatOfTheReferenceUnderTheStepsMasks() throws {
    var run = try run()
    (run.configuration.precision, run.configuration.largestMicroBatchTokens) = (.float32, 40)
    let trainer = try run.loop(model: TinyRun.model()).trainer
    let tokens = (0..<4).map { _ in (0..<20).map { ($0 * 7 + 3) % 11 } }
    for (index, token) in tokens.joined().enumerated() {
      (trainer.inputs[index], trainer.targets[index]) = (Int32(token), Int32((token * 3 + 1) % 11))
    }
    let targets = tokens.map { $0.map { ($0 * 3 + 1) % 11 } }
    let reference = TinyRun.reference(of: trainer.network)
    for step in [1, 7] {
      let dropout = ReferenceDropout(rate: 0.2, seed: 1, step: UInt64(step), shape: [4, 20, 32])
      let expected = reference.lossAndGradients(tokens, targets: targets, dropout: dropout)
      let found = try #require(trainer.computeGradient(step: step))
      #expect(abs(found.loss / expected.loss - 1) < 1e-5)
      #expect(abs(found.gradientNorm / Reference.globalNorm(expected.gradients.values) - 1) < 1e-4)
    }
    // The number in the schedule counts, not the updates.
    let loss = try #require(trainer.computeGradient(step: 7)).loss
    #expect(trainer.makeStep(number: 7)?.loss == loss)
  }

  @Test func blocksBeginAsNothing() throws {
    let trainer = try run(dropout: 0).loop(model: Self.switched).trainer
    for weight in trainer.network.parameters.descriptions where weight.name.hasSuffix("ret.o.weight") {
      #expect(trainer.network.parameters.tensor(weight).values.allSatisfy { $0 == 0 })
    }
    let before = trainer.network.parameters.flat.bits
    for index in 0..<80 {
      (trainer.inputs[index], trainer.targets[index]) = (Int32(index * 7 % 11), Int32(index * 3 % 11))
    }
    for _ in 0..<3 { trainer.makeStep() }
    for weight in trainer.network.parameters.descriptions where weight.name.hasSuffix("ret.o.weight") {
      #expect(trainer.network.parameters.tensor(weight).values.contains { $0 != 0 })
    }
    trainer.restart()
    #expect(trainer.network.parameters.flat.bits == before)
  }

  @Test(arguments: [switched, hybrid]) func aSwitchedModelLearns(_ model: ModelConfiguration) throws {
    var run = try run(steps: 40, dropout: 0)
    let losses = try bits(run, model).losses
    #expect(losses[0] > 2 && losses[20...].reduce(0, +) / 20 < 0.25)
    run.configuration.dropout = 0.1
    let dropped = try bits(run, model).losses
    #expect(dropped[30...].reduce(0, +) / 10 < 0.7)
  }
}
