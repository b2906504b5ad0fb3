package import Modeling
internal import Tensors

/// How one tensor is updated by its gradient, and what is kept for it from step to step.
///
/// A further rule is a case: its slots, its update, and which tensors it is for (`TrainingConfiguration.updateRule`).
/// Checkpoints, forecasts and resuming go by the slots. Rules mix within a run.
package enum UpdateRule: Sendable {
  /// AdamW (Loshchilov & Hutter 2019).
  case adamW

  /// The names of what is kept, each as large as the tensor; files have them before the tensor's name.
  package var slots: [String] {
    switch self {
    case .adamW: ["first_moment", "second_moment"]
    }
  }

  /// Updates a tensor once.
  ///
  /// - Parameters:
  ///   - tensor: Of any shape.
  ///   - slots: What is kept of it, in the order of `slots`.
  ///   - gradient: Of the same shape.
  ///   - step: This update's place in the run.
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

/// What a rule has to know of the step.
struct UpdateStep {
  /// Updates made, this one included.
  let number: Int
  let learningRate: Double
  /// Factor of the gradient: clipping.
  let gradientScale: Float
  /// Whether the weight decays.
  let decays: Bool
  let configuration: TrainingConfiguration
}

extension TrainingConfiguration {
  /// The rule for a tensor.
  package func updateRule(for description: ParameterDescription) -> UpdateRule { .adamW }
}
