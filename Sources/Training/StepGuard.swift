/// Why a step was skipped.
package enum SkipReason: String, Codable, Sendable {
  /// The loss or the gradient is NaN or infinite.
  case notFinite = "not_finite"
  /// The loss is far above its running mean.
  case lossSpike = "loss_spike"
  /// The gradient norm is far above its running mean.
  case gradientSpike = "gradient_spike"
}

/// The place where a number first was not finite.
package struct NotFinitePlace: Codable, Equatable, Sendable {
  /// The step in which it was found.
  package let step: Int
  /// What was not finite: a weight, the loss, a gradient.
  package let name: String

  package init(step: Int, name: String) { (self.step, self.name) = (step, name) }
}

/// Decides whether a step may change the weights, by comparing it with the steps before it.
package struct StepGuard: Codable, Equatable, Sendable {
  /// The running mean of the loss over the steps that were taken.
  package private(set) var meanLoss = 0.0
  /// The running mean of the gradient norm over the same steps.
  package private(set) var meanGradientNorm = 0.0
  /// The number of steps in the means.
  package private(set) var observed = 0
  /// The number of skipped steps in the whole run, by reason; rewinds do not reduce it.
  package internal(set) var skipped: [String: Int] = [:]
  /// The number of skipped steps since the last one that was taken, or since a rewind.
  package internal(set) var skippedInARow = 0
  /// Where a number first was not finite in these steps; nil: nowhere.
  package internal(set) var notFinite: NotFinitePlace?

  /// Whether the weights are most likely broken: numbers were not finite, and not just in a single step.
  var isBroken: Bool { notFinite != nil && (skippedInARow > 1 || observed <= skippedInARow) }

  package init() {}

  /// Decides whether a step may change the weights, and counts it.
  ///
  /// Until the means cover `spike_window` steps, only numbers that are not finite are a reason to skip.
  ///
  /// - Parameters:
  ///   - loss: The loss of the batch.
  ///   - gradientNorm: The gradient norm before clipping.
  ///   - configuration: Has the thresholds and the length of the means.
  /// - Returns: Why the step must be skipped; nil if it may be taken.
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
