import Modeling
import Tensors
import TestSupport
import Testing
import Training

@Suite struct OptimizerTests {
  private static let steps = 5

  @Test(arguments: [0, 0.5, 1e6], [0, 0.1])
  func followsTheReference(_ clip: Double, _ weightDecay: Double) {
    let pool = WorkerPool(threadCount: 1)
    let model = TinyRun.model()
    let (parameters, gradients) = (Parameters(model), Parameters(model))
    var source = RandomSource(seed: 8)
    parameters.initialize(from: &source)
    var configuration = TrainingConfiguration()
    configuration.gradientClip = clip
    configuration.weightDecay = weightDecay
    configuration.beta2 = 0.95

    func reference(_ parameters: Parameters) -> [ReferenceTensor] {
      parameters.descriptions.map { ReferenceTensor($0.shape.extents, floats: parameters.tensor($0).values) }
    }
    var expected = reference(parameters)
    var first = expected.map { $0.map { _ in 0 } }
    var second = first
    var optimizer = Optimizer(TrainedTensors(parameters, gradients: gradients), configuration, on: pool)

    for step in 1...Self.steps {
      gradients.flat.fillNormal(deviation: 0.1, from: &source)
      let norm = optimizer.gradientNorm(on: pool)
      let expectedNorm = Reference.globalNorm(reference(gradients))
      #expect(abs(norm / expectedNorm - 1) < 1e-6)
      let learningRate = 1e-2 / Double(step)
      optimizer.update(norm: norm, learningRate: learningRate, decayFactor: 1, on: pool)
      #expect(optimizer.step == step)
      let factor = clip > 0 ? Reference.clippingFactor(norm: expectedNorm, maximumNorm: clip) : 1
      // Half of the clipped norm is well below that of thousands of normal numbers.
      if clip == 0.5 { #expect(factor < 0.2) }
      for (index, description) in parameters.descriptions.enumerated() {
        Reference.adamWStep(
          &expected[index], firstMoment: &first[index], secondMoment: &second[index],
          gradient: factor * reference(gradients)[index], step: step,
          constants: Reference.AdamWConstants(
            learningRate: learningRate, beta1: configuration.beta1, beta2: configuration.beta2,
            epsilon: configuration.epsilon, weightDecay: description.isMatrix ? weightDecay : 0))
      }
    }
    // Float32 updates, each rounded to the size of the weight.
    for (index, description) in parameters.descriptions.enumerated() {
      expectClose(
        ReferenceTensor(description.shape.extents, floats: parameters.tensor(description).values), expected[index],
        ratio: 1e-6, description.name)
    }
  }

  @Test func decayLeavesNormWeightsAlone() throws {
    let pool = WorkerPool(threadCount: 1)
    let model = TinyRun.model()
    let (parameters, gradients) = (Parameters(model), Parameters(model))
    parameters.flat.fill(2)
    var configuration = TrainingConfiguration()
    configuration.weightDecay = 0.5
    var optimizer = Optimizer(TrainedTensors(parameters, gradients: gradients), configuration, on: pool)
    optimizer.update(norm: 0, learningRate: 0.1, decayFactor: 1, on: pool)
    for description in parameters.descriptions {
      let expected: Float = description.isMatrix ? 2 * (1 - 0.05) : 2
      #expect(parameters.tensor(description).values.allSatisfy { abs($0 - expected) < 1e-6 }, "\(description.name)")
    }
  }
}
