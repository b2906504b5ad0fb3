import Modeling
import Tensors
import TestSupport
import Testing
import Training

/// What `optimizer`, `groups` and the keys of weight decay do, against the Float64 reference.
@Suite struct UpdateRuleTests {
  private static let steps = 4

  /// Makes a few updates with random gradients.
  ///
  /// - Returns: The weights and their descriptions.
  private func updated(
    _ configuration: TrainingConfiguration, threadCount: Int = 1, deviation: Double = 0.1
  ) -> (descriptions: [ParameterDescription], values: [ReferenceTensor]) {
    let pool = WorkerPool(threadCount: threadCount)
    let model = TinyRun.model()
    let (parameters, gradients) = (Parameters(model), Parameters(model))
    var source = RandomSource(seed: 8)
    parameters.initialize(from: &source)
    var optimizer = Optimizer(TrainedTensors(parameters, gradients: gradients), configuration, on: pool)
    for step in 1...Self.steps {
      gradients.flat.fillNormal(deviation: deviation, from: &source)
      let norm = optimizer.gradientNorm(on: pool)
      optimizer.update(
        norm: norm, learningRate: 1e-2 / Double(step), decayFactor: configuration.decayFactor(step: step), on: pool)
    }
    return (parameters.descriptions, values(parameters))
  }

  private func values(_ parameters: Parameters) -> [ReferenceTensor] {
    parameters.descriptions.map { ReferenceTensor($0.shape.extents, floats: parameters.tensor($0).values) }
  }

  /// The same updates in Float64.
  private func expected(_ configuration: TrainingConfiguration) -> [ReferenceTensor] {
    let model = TinyRun.model()
    let (parameters, gradients) = (Parameters(model), Parameters(model))
    var source = RandomSource(seed: 8)
    parameters.initialize(from: &source)
    var weights = values(parameters)
    var first = weights.map { $0.map { _ in 0 } }
    var second = first
    let groups = configuration.groups
    for step in 1...Self.steps {
      gradients.flat.fillNormal(deviation: 0.1, from: &source)
      let factor = Reference.clippingFactor(
        norm: Reference.globalNorm(values(gradients)), maximumNorm: configuration.gradientClip)
      for (index, description) in parameters.descriptions.enumerated() {
        let group: GroupSettings
        switch description.name {
        case "embed.weight": group = groups.embedding
        case "lm_head.weight": group = groups.head
        default: group = description.shape.rank == 2 ? groups.matrices : groups.norms
        }
        let rate = 1e-2 / Double(step) * group.learningRate
        let decay =
          (group.weightDecay ?? (description.shape.rank == 2 ? configuration.weightDecay : 0))
          * configuration.decayFactor(step: step)
        let gradient = factor * values(gradients)[index]
        let isMatrix = description.shape.rank == 2 && !["embed.weight", "lm_head.weight"].contains(description.name)
        guard isMatrix, configuration.optimizer != .adamW else {
          var constants = Reference.AdamWConstants(
            learningRate: rate, beta1: group.beta1 ?? configuration.beta1,
            beta2: group.beta2 ?? configuration.effectiveBeta2, epsilon: configuration.epsilon, weightDecay: decay)
          constants.isCautious = configuration.decaysCautiously
          Reference.adamWStep(
            &weights[index], firstMoment: &first[index], secondMoment: &second[index], gradient: gradient, step: step,
            constants: constants)
          continue
        }
        Reference.muonStep(
          &weights[index], momentum: &first[index], gradient: gradient,
          constants: Reference.MuonConstants(
            learningRate: rate, momentum: configuration.momentum, weightDecay: decay,
            isCautious: configuration.decaysCautiously)
        ) {
          configuration.optimizer == .mud
            ? Reference.decorrelatedRows($0)
            : Reference.newtonSchulz($0, iterations: configuration.newtonSchulzIterations)
        }
      }
    }
    return weights
  }

  private func expectReference(_ configuration: TrainingConfiguration, ratio: Double) {
    let (descriptions, found) = updated(configuration)
    for (index, weight) in expected(configuration).enumerated() {
      expectClose(found[index], weight, ratio: ratio, descriptions[index].name)
    }
  }

  private func configuration(_ change: (inout TrainingConfiguration) -> Void) -> TrainingConfiguration {
    var configuration = TrainingConfiguration()
    (configuration.steps, configuration.weightDecay, configuration.precision) = (Self.steps, 0.5, .float32)
    change(&configuration)
    return configuration
  }

  @Test(arguments: OptimizerKind.allCases, [false, true])
  func followsTheReference(_ optimizer: OptimizerKind, _ isCautious: Bool) {
    // Newton and Schulz magnify the rounding of small singular values: by 3.4 for each of five iterations.
    expectReference(
      configuration { ($0.optimizer, $0.decaysCautiously) = (optimizer, isCautious) }, ratio: 2e-5)
  }

  @Test(arguments: [1, 3, 12]) func iteratesAsOftenAsItIsTold(_ iterations: Int) {
    expectReference(
      configuration { ($0.optimizer, $0.newtonSchulzIterations, $0.momentum) = (.muon, iterations, 0.5) }, ratio: 2e-5)
  }

  @Test(arguments: OptimizerKind.allCases) func groupsHaveSettingsOfTheirOwn(_ optimizer: OptimizerKind) {
    let grouped = configuration {
      $0.optimizer = optimizer
      $0.groups.matrices = GroupSettings(learningRate: 0.5, weightDecay: 2, beta1: 0.8, beta2: 0.9)
      $0.groups.embedding = GroupSettings(learningRate: 3, weightDecay: 0, beta1: 0.7, beta2: 0.99)
      $0.groups.head = GroupSettings(learningRate: 0.1, weightDecay: 1, beta1: 0.6, beta2: 0.5)
      $0.groups.norms = GroupSettings(learningRate: 2, weightDecay: 0.3, beta1: 0.5, beta2: 0.8)
    }
    expectReference(grouped, ratio: 2e-5)
    // Each group's settings move its own weights only.
    let plain = configuration { $0.optimizer = optimizer }
    for group in ParameterGroup.allCases {
      var one = plain
      switch group {
      case .matrices: one.groups.matrices.learningRate = 2
      case .embedding: one.groups.embedding.learningRate = 2
      case .head: one.groups.head.learningRate = 2
      case .norms: one.groups.norms.learningRate = 2
      }
      let (descriptions, before) = updated(plain)
      let after = updated(one).values
      for (index, description) in descriptions.enumerated() {
        #expect((before[index] != after[index]) == (description.group == group), "\(description.name)")
      }
    }
  }

  @Test(arguments: DecaySchedule.allCases) func decayFollowsItsSchedule(_ schedule: DecaySchedule) {
    for optimizer in OptimizerKind.allCases {
      expectReference(
        configuration { ($0.optimizer, $0.weightDecaySchedule) = (optimizer, schedule) }, ratio: 2e-5)
    }
  }

  @Test func aHalfLifeCountsTokens() {
    var configuration = TrainingConfiguration()
    configuration.beta2HalfLife = 4_096
    configuration.batchTokens = 4_096
    #expect(configuration.effectiveBeta2 == 0.5)
    configuration.batchTokens = 1_024
    #expect(abs(configuration.effectiveBeta2 - 0.8408964152537145) < 1e-15)
    configuration.beta2HalfLife = nil
    #expect(configuration.effectiveBeta2 == configuration.beta2)
    expectReference(self.configuration { $0.beta2HalfLife = 10_000 }, ratio: 2e-5)
  }

  @Test(arguments: OptimizerKind.allCases, [TrainingPrecision.float32, .bfloat16])
  func threadsGiveTheSameBits(_ optimizer: OptimizerKind, _ precision: TrainingPrecision) {
    let configuration = configuration { ($0.optimizer, $0.precision) = (optimizer, precision) }
    let one = updated(configuration, threadCount: 1).values
    #expect(updated(configuration, threadCount: 2).values == one)
    #expect(updated(configuration, threadCount: 5).values == one)
  }

  @Test(arguments: OptimizerKind.allCases) func bfloat16FollowsFloat32(_ optimizer: OptimizerKind) {
    let exact = updated(configuration { $0.optimizer = optimizer })
    let rounded = updated(configuration { ($0.optimizer, $0.precision) = (optimizer, .bfloat16) })
    // Four updates of a few percent of the weights, each with directions that keep 8 bits.
    for (index, description) in exact.descriptions.enumerated() {
      expectClose(rounded.values[index], exact.values[index], ratio: 2e-2, description.name)
    }
  }

  /// Without a gradient there is no direction, and nothing but decay happens.
  @Test(arguments: OptimizerKind.allCases) func aZeroGradientOnlyDecays(_ optimizer: OptimizerKind) {
    let found = updated(configuration { ($0.optimizer, $0.gradientClip) = (optimizer, 0) }, deviation: 0)
    let model = TinyRun.model()
    let parameters = Parameters(model)
    var source = RandomSource(seed: 8)
    parameters.initialize(from: &source)
    let factor = (1...Self.steps).reduce(1.0) { $0 * (1 - 0.5 * 1e-2 / Double($1)) }
    for (index, before) in values(parameters).enumerated() {
      let isMatrix = before.shape.count == 2
      expectClose(found.values[index], (isMatrix ? factor : 1) * before, ratio: 1e-6, found.descriptions[index].name)
    }
  }

  @Test func theSlotsFollowTheRules() {
    let pool = WorkerPool(threadCount: 1)
    let model = TinyRun.model()
    for optimizer in OptimizerKind.allCases {
      let parameters = Parameters(model)
      let slots = Optimizer(
        TrainedTensors(parameters, gradients: Parameters(model)), configuration { $0.optimizer = optimizer }, on: pool
      ).slots
      let matrices = parameters.descriptions.filter { $0.group == .matrices }.map(\.name)
      let others = parameters.descriptions.filter { $0.group != .matrices }.map(\.name)
      let names = Dictionary(uniqueKeysWithValues: slots.map { ($0.name, $0.tensors.descriptions.map(\.name)) })
      #expect(!matrices.isEmpty && others.count > 2)
      if optimizer == .adamW {
        #expect(names.keys.sorted() == ["first_moment", "second_moment"])
        #expect(names["first_moment"] == parameters.descriptions.map(\.name))
      } else {
        #expect(names == ["first_moment": others, "second_moment": others, "momentum": matrices])
      }
    }
  }
}
