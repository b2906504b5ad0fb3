internal import Glibc

extension TrainingConfiguration {
  /// The learning rate of a step, counted from 1: linear warm-up to the peak, then by `schedule` to the minimum
  /// (docs/MATH.md, eq. 23).
  package func learningRate(step: Int) -> Double {
    if step <= warmupSteps { return learningRate * Double(step) / Double(warmupSteps) }
    let progress = Double(step - warmupSteps) / Double(max(1, steps - warmupSteps))
    let left =
      switch schedule {
      case .cosine: 0.5 * (1 + cos(.pi * min(1, progress)))
      case .linear: 1 - min(1, progress)
      case .constant: 1.0
      case .warmupStableDecay: min(1, Double(max(0, steps - step)) / Double(max(1, lengthOfDecay)))
      }
    return minimumLearningRate + (learningRate - minimumLearningRate) * left
  }

  /// The factor of weight decay in a step, counted from 1 (docs/MATH.md, eq. 23).
  package func decayFactor(step: Int) -> Double {
    let progress = Double(step - 1) / Double(max(1, steps))
    return switch weightDecaySchedule {
    case .constant: 1
    case .linear: 1 - progress
    case .cosine: 0.5 * (1 + cos(.pi * progress))
    }
  }

  /// The number of steps at the end in which `warmup_stable_decay` lowers the rate.
  private var lengthOfDecay: Int {
    if let decayFraction { return min(Int(decayFraction * Double(steps)), steps - warmupSteps) }
    return decaySteps > 0 ? decaySteps : steps / 5
  }
}
