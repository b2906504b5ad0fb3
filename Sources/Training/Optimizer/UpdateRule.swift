internal import Glibc
package import Modeling
internal import Tensors

/// How a tensor is updated by its gradient, and which optimizer state (slots) is kept for it.
///
/// A new rule is a new case, with its slots, its constants, and the tensors that use it. Checkpoints, forecasts and
/// resuming work with any slots. A run may mix rules.
package enum UpdateRule: Sendable {
  /// AdamW (Loshchilov & Hutter 2019).
  case adamW
  /// Momentum made orthogonal: Muon (Jordan et al. 2024) and MUD.
  case muon

  /// The names of the slots, each as large as the tensor. In files a slot's name precedes the tensor's name.
  package var slots: [String] {
    switch self {
    case .adamW: ["first_moment", "second_moment"]
    case .muon: ["momentum"]
    }
  }
}

/// What all tensors of one update share.
struct UpdateStep {
  /// The number of updates, including this one.
  let number: Int
  let learningRate: Double
  /// The factor of weight decay in this step, from `weight_decay_schedule`.
  let decayFactor: Double
  /// The factor by which clipping scales the gradient.
  let gradientScale: Float
}

extension TrainingConfiguration {
  /// The rule for a tensor: the chosen optimizer for matrices inside the blocks, AdamW for all others.
  package func updateRule(for description: ParameterDescription) -> UpdateRule {
    optimizer != .adamW && description.group == .matrices ? .muon : .adamW
  }

  /// How the momentum of matrices is made orthogonal; nil with AdamW.
  var orthogonalization: Orthogonalization? {
    switch optimizer {
    case .adamW: nil
    case .muon: .newtonSchulz(iterations: newtonSchulzIterations)
    case .mud: .triangular
    }
  }

  private func settings(of description: ParameterDescription) -> GroupSettings {
    description.group.map { groups[$0] } ?? GroupSettings()
  }

  private var decayedNumbers: DecayedNumbers { decaysCautiously ? .shrinking : .all }

  /// Weight decay per unit of learning rate, before its schedule.
  private func weightDecay(of description: ParameterDescription) -> Double {
    settings(of: description).weightDecay ?? (weightDecayOn.contains(description) ? weightDecay : 0)
  }

  /// β₂ of weights without one of their own: that of a half-life in tokens, 2^(−batch_tokens / half-life), if there is
  /// one (docs/MATH.md, eq. 22a).
  package var effectiveBeta2: Double { beta2HalfLife.map { exp2(-Double(batchTokens) / $0) } ?? beta2 }

  /// The constants of a tensor's AdamW update.
  func adamWConstants(_ description: ParameterDescription, _ step: UpdateStep) -> AdamWConstants {
    let group = settings(of: description)
    return AdamWConstants(
      gradientScale: step.gradientScale, learningRate: Float(step.learningRate * group.learningRate),
      beta1: Float(group.beta1 ?? beta1), beta2: Float(group.beta2 ?? effectiveBeta2), epsilon: Float(epsilon),
      weightDecay: Float(weightDecay(of: description) * step.decayFactor), decayed: decayedNumbers, step: step.number)
  }

  /// The constants of a Muon update, the same for all matrices.
  func muonConstants(_ step: UpdateStep, _ orthogonalization: Orthogonalization) -> MuonConstants {
    MuonConstants(
      gradientScale: step.gradientScale, learningRate: Float(step.learningRate * groups.matrices.learningRate),
      momentum: Float(momentum), weightDecay: Float((groups.matrices.weightDecay ?? weightDecay) * step.decayFactor),
      decayed: decayedNumbers, orthogonalization: orthogonalization)
  }
}
