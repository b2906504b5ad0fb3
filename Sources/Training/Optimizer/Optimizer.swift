package import Modeling
package import Tensors

/// One kind of optimizer state, kept for tensors from step to step under a name such as `first_moment`.
package struct OptimizerSlot: Sendable {
  package let name: String
  /// The numbers, for each tensor whose rule has this slot.
  package let tensors: NamedTensors
}

/// Updates the trained tensors, each by its rule, with gradients clipped by their global norm.
package struct Optimizer: Sendable {
  /// Everything that must be saved, besides the number of updates.
  package let slots: [OptimizerSlot]
  /// The number of updates so far.
  package private(set) var step = 0
  private let trained: TrainedTensors
  private let configuration: TrainingConfiguration
  private let adamW: [AdamWTensor]
  /// The matrices that Muon updates, the largest first.
  private let muon: [MuonMatrix]
  private let muonMemory: MuonMemory
  private let squares: DoubleBuffer

  private struct AdamWTensor {
    let description: ParameterDescription
    let (parameter, gradient, firstMoment, secondMoment): (Tensor, Tensor, Tensor, Tensor)
  }

  /// - Parameters:
  ///   - trained: The tensors to update; no others have slots.
  ///   - configuration: Has the rules and their constants.
  ///   - pool: Where updates run.
  package init(_ trained: TrainedTensors, _ configuration: TrainingConfiguration, on pool: WorkerPool) {
    let rules = trained.descriptions.map(configuration.updateRule)
    slots = Self.slotNames(rules).map { name in
      let theirs = zip(trained.descriptions, rules).filter { $1.slots.contains(name) }.map(\.0)
      return OptimizerSlot(name: name, tensors: NamedTensors(theirs))
    }
    var kept = rules.map { _ in [Tensor]() }
    for slot in slots {
      var left = slot.tensors.tensors[...]
      for index in rules.indices where rules[index].slots.contains(slot.name) {
        if let tensor = left.popFirst() { kept[index].append(tensor) }
      }
    }
    var (adamW, muon) = ([AdamWTensor](), [MuonMatrix]())
    for (index, rule) in rules.enumerated() {
      let (tensor, gradient, slots) = (trained.tensors[index], trained.gradients[index], kept[index])
      switch rule {
      case .adamW:
        adamW.append(
          AdamWTensor(
            description: trained.descriptions[index], parameter: tensor, gradient: gradient, firstMoment: slots[0],
            secondMoment: slots[1]))
      case .muon: muon.append(MuonMatrix(tensor, momentum: slots[0], gradient: gradient))
      }
    }
    self.trained = trained
    self.configuration = configuration
    self.adamW = adamW
    self.muon = muon.sorted { $0.cost > $1.cost }
    muonMemory = MuonMemory(Self.muonShapes(trained.descriptions, configuration), workers: pool.threadCount)
    squares = DoubleBuffer(count: trained.gradient.sumBlockCount)
  }

  /// The names of all slots, without repetitions, in the order of the rules.
  private static func slotNames(_ rules: [UpdateRule]) -> [String] {
    rules.flatMap(\.slots).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  private static func muonShapes(
    _ trained: [ParameterDescription], _ configuration: TrainingConfiguration
  ) -> [Shape] {
    trained.filter { configuration.updateRule(for: $0) == .muon }.map(\.shape)
  }

  /// The bytes of the slots that `init` allocates, and of the memory for updates.
  static func byteCount(
    _ trained: [ParameterDescription], _ configuration: TrainingConfiguration, workers: Int
  ) -> (slots: Double, updates: Double) {
    let slots = trained.reduce(0) {
      $0 + Double(configuration.updateRule(for: $1).slots.count) * Tensor.byteCount($1.shape.count)
    }
    return (slots, MuonMemory.byteCount(muonShapes(trained, configuration), workers: workers))
  }

  /// Sets the number of updates; the caller fills the slots.
  mutating func restore(updates: Int) { step = updates }

  /// Resets the number of updates and clears all slots.
  mutating func clear(on pool: WorkerPool) {
    step = 0
    for slot in slots { slot.tensors.flat.clear(on: pool) }
  }

  /// The global norm √Σ g² of the gradient (docs/MATH.md, eq. 21). Gradients of frozen weights are cleared first.
  package func gradientNorm(on pool: WorkerPool) -> Double {
    let outer = pool.charge(.optimizer)
    defer { pool.charge(outer) }
    trained.dropUnwanted(on: pool)
    return trained.gradient.sumOfSquares(scratch: squares, on: pool).squareRoot()
  }

  /// The name of the first tensor whose current gradient is not finite; nil: all are finite.
  func gradientNotFinite() -> String? {
    zip(trained.descriptions, trained.gradients).first { !$1.isFinite }?.0.name
  }

  /// Updates the tensors once.
  ///
  /// - Parameters:
  ///   - norm: The gradient's global norm.
  ///   - learningRate: The learning rate of this step.
  ///   - decayFactor: The factor of weight decay in this step.
  ///   - pool: Where the work runs.
  package mutating func update(norm: Double, learningRate: Double, decayFactor: Double, on pool: WorkerPool) {
    let outer = pool.charge(.optimizer)
    defer { pool.charge(outer) }
    step += 1
    let clip = configuration.gradientClip
    // The factor of torch.nn.utils.clip_grad_norm_, 1e-6 included.
    let factor = clip > 0 ? min(1, clip / (norm + 1e-6)) : 1
    let step = UpdateStep(
      number: step, learningRate: learningRate, decayFactor: decayFactor, gradientScale: Float(factor))
    for tensor in adamW {
      updateAdamW(
        tensor.parameter, firstMoment: tensor.firstMoment, secondMoment: tensor.secondMoment,
        gradient: tensor.gradient, configuration.adamWConstants(tensor.description, step), on: pool)
    }
    if let orthogonalization = configuration.orthogonalization {
      updateMuon(
        muon, configuration.muonConstants(step, orthogonalization), memory: muonMemory,
        precision: configuration.precision.products, on: pool)
    }
  }
}
