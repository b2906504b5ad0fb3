internal import Glibc

extension Reference {
  /// The constants of AdamW.
  package struct AdamWConstants: Sendable {
    package var learningRate: Double
    package var beta1: Double
    package var beta2: Double
    package var epsilon: Double
    package var weightDecay: Double

    /// Takes every constant; there is no default.
    package init(learningRate: Double, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double) {
      self.learningRate = learningRate
      self.beta1 = beta1
      self.beta2 = beta2
      self.epsilon = epsilon
      self.weightDecay = weightDecay
    }
  }

  /// One step of AdamW with decoupled decay and bias correction, as `torch.optim.AdamW` does it.
  ///
  /// p ← p (1 − lr·wd); m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²;
  /// p ← p − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε) (docs/MATH.md, eq. 22).
  ///
  /// - Parameters:
  ///   - parameter: p, any shape.
  ///   - firstMoment: m, zero before the first step.
  ///   - secondMoment: v, zero before the first step.
  ///   - gradient: g.
  ///   - step: t, 1 for the first step.
  ///   - constants: Learning rate and the rest.
  package static func adamWStep(
    _ parameter: inout ReferenceTensor, firstMoment: inout ReferenceTensor, secondMoment: inout ReferenceTensor,
    gradient: ReferenceTensor, step: Int, constants: AdamWConstants
  ) {
    precondition(
      [firstMoment.shape, secondMoment.shape, gradient.shape].allSatisfy { $0 == parameter.shape },
      "adamWStep: shapes differ from \(parameter.shape)")
    precondition(step >= 1, "adamWStep: step \(step)")
    let correction1 = 1 - pow(constants.beta1, Double(step))
    let correction2 = 1 - pow(constants.beta2, Double(step))
    for i in 0..<parameter.count {
      let g = gradient.values[i]
      let m = constants.beta1 * firstMoment.values[i] + (1 - constants.beta1) * g
      let v = constants.beta2 * secondMoment.values[i] + (1 - constants.beta2) * g * g
      let decayed = parameter.values[i] * (1 - constants.learningRate * constants.weightDecay)
      let direction = (m / correction1) / ((v / correction2).squareRoot() + constants.epsilon)
      parameter.values[i] = decayed - constants.learningRate * direction
      firstMoment.values[i] = m
      secondMoment.values[i] = v
    }
  }

  /// The Euclidean norm of all gradients together.
  package static func globalNorm(_ gradients: some Sequence<ReferenceTensor>) -> Double {
    gradients.reduce(0) { $0 + $1.dot($1) }.squareRoot()
  }

  /// The factor that clips gradients of a given global norm: min(1, c / (norm + 1e-6)) (docs/MATH.md, eq. 21).
  ///
  /// Source: the constant is that of `torch.nn.utils.clip_grad_norm_`.
  package static func clippingFactor(norm: Double, maximumNorm: Double) -> Double {
    min(1, maximumNorm / (norm + 1e-6))
  }
}
