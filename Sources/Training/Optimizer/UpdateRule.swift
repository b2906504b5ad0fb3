package import Modeling
internal import Tensors

/// How a tensor is updated by its gradient, and which optimizer state (slots) is kept for it.
///
/// A new rule is a new case, with its slots, its update, and the tensors that use it
/// (`TrainingConfiguration.updateRule`). Checkpoints, forecasts and resuming work with any slots. A run may mix rules.
package enum UpdateRule: Sendable {
  /// AdamW (Loshchilov & Hutter 2019).
  case adamW

  /// The names of the slots, each as large as the tensor. In files a slot's name precedes the tensor's name.
  package var slots: [String] {
    switch self {
    case .adamW: ["first_moment", "second_moment"]
    }
  }

  /// Updates a tensor once.
  ///
  /// - Parameters:
  ///   - tensor: The tensor, of any shape.
  ///   - slots: Its slots, in the order of `slots`.
  ///   - gradient: Its gradient, of the same shape.
  ///   - step: The parameters of this update.
  ///   - pool: Where the work runs.
  func update(_ tensor: Tensor, slots: [Tensor], gradient: Tensor, _ step: UpdateStep, on pool: WorkerPool) {
    let configuration = step.configuration
    switch self {
    case .adamW:
      updateAdamW(
        tensor, firstMoment: slots[0], secondMoment: slots[1], gradient: gradient,
        AdamWConstants(
          gradientScale: step.gradientScale, learningRate: Float(step.learningRate), beta1: Float(configuration.beta1),
          beta2: Float(configuration.beta2), epsilon: Float(configuration.epsilon),
          weightDecay: step.decays ? Float(configuration.weightDecay) : 0, step: step.number),
        on: pool)
    }
  }
}

/// The parameters of one update, the same for all rules.
struct UpdateStep {
  /// The number of updates, including this one.
  let number: Int
  let learningRate: Double
  /// The factor by which clipping scales the gradient.
  let gradientScale: Float
  /// Whether weight decay applies.
  let decays: Bool
  let configuration: TrainingConfiguration
}

extension TrainingConfiguration {
  /// The rule for a tensor.
  package func updateRule(for description: ParameterDescription) -> UpdateRule { .adamW }
}
