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
  private let rules: [UpdateRule]
  /// The slots of each trained tensor, in the order of its rule.
  private let kept: [[Tensor]]
  private let squares: DoubleBuffer

  /// - Parameters:
  ///   - trained: The tensors to update; no others have slots.
  ///   - rule: Returns the rule of a tensor.
  package init(_ trained: TrainedTensors, rule: (ParameterDescription) -> UpdateRule) {
    let rules = trained.descriptions.map(rule)
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
    self.trained = trained
    self.rules = rules
    self.kept = kept
    squares = DoubleBuffer(count: trained.gradient.sumBlockCount)
  }

  /// The names of all slots, without repetitions, in the order of the rules.
  private static func slotNames(_ rules: [UpdateRule]) -> [String] {
    rules.flatMap(\.slots).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// The bytes of the slots that `init` allocates.
  static func byteCount(_ trained: [ParameterDescription], rule: (ParameterDescription) -> UpdateRule) -> Double {
    trained.reduce(0) { $0 + Double(rule($1).slots.count) * Tensor.byteCount($1.shape.count) }
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
  ///   - configuration: Has the constants of the rules, of weight decay and of clipping.
  ///   - pool: Where the work runs.
  package mutating func update(
    norm: Double, learningRate: Double, _ configuration: TrainingConfiguration, on pool: WorkerPool
  ) {
    let outer = pool.charge(.optimizer)
    defer { pool.charge(outer) }
    step += 1
    let clip = configuration.gradientClip
    // The factor of torch.nn.utils.clip_grad_norm_, 1e-6 included.
    let factor = clip > 0 ? min(1, clip / (norm + 1e-6)) : 1
    for (index, description) in trained.descriptions.enumerated() {
      rules[index].update(
        trained.tensors[index], slots: kept[index], gradient: trained.gradients[index],
        UpdateStep(
          number: step, learningRate: learningRate, gradientScale: Float(factor),
          decays: configuration.weightDecayOn.contains(description), configuration: configuration),
        on: pool)
    }
  }
}
