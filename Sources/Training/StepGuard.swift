/// Why a step was not taken.
package enum SkipReason: String, Codable, Sendable {
  /// The loss or the gradient is NaN or infinite.
  case notFinite = "not_finite"
  /// The loss is far above its running mean.
  case lossSpike = "loss_spike"
  /// The gradient norm is far above its running mean.
  case gradientSpike = "gradient_spike"
}

/// Where a number first was not finite.
package struct NotFinitePlace: Codable, Equatable, Sendable {
  /// The step that met it.
  package let step: Int
  /// What it is: a weight, the loss, a gradient.
  package let name: String

  package init(step: Int, name: String) { (self.step, self.name) = (step, name) }
}

/// Judges each step before it changes a weight, by what the steps before it were like.
package struct StepGuard: Codable, Equatable, Sendable {
  /// Running mean of the loss of the steps that were taken.
  package private(set) var meanLoss = 0.0
  /// Running mean of their gradient norm.
  package private(set) var meanGradientNorm = 0.0
  /// How many steps the means are over.
  package private(set) var observed = 0
  /// Steps of the whole run that were skipped, by reason; rewinds do not take them back.
  package internal(set) var skipped: [String: Int] = [:]
  /// Steps skipped since the last one that was taken.
  package internal(set) var skippedInARow = 0
  /// Where in these a number first was not finite; nil: nowhere.
  package internal(set) var notFinite: NotFinitePlace?

  /// Whether the weights are most likely broken: numbers are not finite, and not for a single step.
  var isBroken: Bool { notFinite != nil && (skippedInARow > 1 || observed <= skippedInARow) }

  package init() {}

  /// Whether a step may change the weights; counts it either way.
  ///
  /// A mean means something when `spike_window` steps are in it: until then only what is not finite is refused.
  ///
  /// - Parameters:
  ///   - loss: Of the batch.
  ///   - gradientNorm: Before clipping.
  ///   - configuration: Thresholds and the length of the means.
  /// - Returns: Why the step is to be skipped; nil if it may be taken.
  package mutating func judge(
    loss: Double, gradientNorm: Double, _ configuration: TrainingConfiguration
  ) -> SkipReason? {
    let reason = objection(loss, gradientNorm, configuration)
    if let reason {
      skipped[reason.rawValue, default: 0] += 1
      skippedInARow += 1
    } else {
      skippedInARow = 0
      notFinite = nil
      observed = min(observed + 1, configuration.spikeWindow)
      meanLoss += (loss - meanLoss) / Double(observed)
      meanGradientNorm += (gradientNorm - meanGradientNorm) / Double(observed)
    }
    return reason
  }

  private func objection(_ loss: Double, _ norm: Double, _ configuration: TrainingConfiguration) -> SkipReason? {
    guard loss.isFinite && norm.isFinite else { return .notFinite }
    guard observed >= configuration.spikeWindow else { return nil }
    if configuration.lossSpike > 0 && loss > meanLoss + configuration.lossSpike { return .lossSpike }
    if configuration.gradientSpike > 0 && norm > meanGradientNorm * configuration.gradientSpike {
      return .gradientSpike
    }
    return nil
  }
}
