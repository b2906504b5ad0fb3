package import Modeling
package import Tensors

/// One kind of numbers that are kept of tensors from step to step, under its name: `first_moment`.
package struct OptimizerSlot: Sendable {
  package let name: String
  /// Of the tensors whose rule has it.
  package let tensors: NamedTensors
}

/// Updates the tensors that are trained, each by its rule, with clipping by the global norm.
package struct Optimizer: Sendable {
  /// All that has to be saved, besides the count of updates.
  package let slots: [OptimizerSlot]
  /// Updates made.
  package private(set) var step = 0
  private let trained: TrainedTensors
  private let rules: [UpdateRule]
  /// For each trained tensor what is kept of it, in the order of its rule.
  private let kept: [[Tensor]]
  private let squares: DoubleBuffer

  /// - Parameters:
  ///   - trained: What is updated; what is not among it has no slots.
  ///   - rule: Of each.
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

  /// Each name once, in the order in which the rules have them.
  private static func slotNames(_ rules: [UpdateRule]) -> [String] {
    rules.flatMap(\.slots).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// Bytes of the slots that `init` allocates.
  static func byteCount(_ trained: [ParameterDescription], rule: (ParameterDescription) -> UpdateRule) -> Double {
    trained.reduce(0) { $0 + Double(rule($1).slots.count) * Tensor.byteCount($1.shape.count) }
  }

  /// Counts updates from here on: the slots were read from a file, or cleared.
  mutating func restore(updates: Int) { step = updates }

  /// Begins anew.
  mutating func clear(on pool: WorkerPool) {
    step = 0
    for slot in slots { slot.tensors.flat.clear(on: pool) }
  }

  /// The global norm √Σ g² of the gradient (docs/MATH.md, eq. 21).
  package func gradientNorm(on pool: WorkerPool) -> Double {
    let outer = pool.charge(.optimizer)
    defer { pool.charge(outer) }
    trained.dropUnwanted(on: pool)
    return trained.gradient.sumOfSquares(scratch: squares, on: pool).squareRoot()
  }

  /// The name of the first tensor whose gradient is not finite, as it was computed last; nil: all are.
  func gradientNotFinite() -> String? {
    zip(trained.descriptions, trained.gradients).first { !$1.isFinite }?.0.name
  }

  /// Updates the tensors once.
  ///
  /// - Parameters:
  ///   - norm: The gradient's global norm.
  ///   - learningRate: Of this step.
  ///   - configuration: Constants of the rules, decay, clipping.
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
