/// The progress of a run. Together with weights, moments and carried states it determines all further steps.
///
/// It has no random state, because initial weights follow from the seed, and batch i follows from the seed and i.
package struct TrainingProgress: Codable, Equatable, Sendable {
  /// The number of finished steps, including skipped ones: the position in the learning-rate schedule.
  package internal(set) var step = 0
  /// The data position: the index of the next batch. After a rewind it is ahead of `step`, because bad data are not
  /// read again.
  package internal(set) var batch = 0
  /// The step after which the validation file was last scored.
  package internal(set) var evaluatedStep = 0
  /// The lowest score so far; nil: no evaluation yet.
  package internal(set) var bestBitsPerByte: Double?
  /// The step of that score.
  package internal(set) var bestStep = 0
  /// The number of evaluations since then.
  package internal(set) var evaluationsSinceBest = 0
  /// The step of the newest regular checkpoint; 0: none yet.
  package internal(set) var savedStep = 0
  /// The step of the rewind target, the newest regular checkpoint from which a step could be taken; 0: the start of the
  /// run.
  package internal(set) var goodStep = 0
  /// The number of rewinds.
  package internal(set) var rewinds = 0
  /// The factor of the learning rate after these rewinds.
  package internal(set) var learningRateFactor = 1.0
  /// The running means and counts that the guards use.
  package internal(set) var stepGuard = StepGuard()

  package init() {}

  /// The largest number of steps, batches or events: more than the longest run has, and few enough that counts of
  /// ids do not overflow.
  static let countLimit = 1 << 32

  /// Whether a run can have this progress, which was read from a file.
  var isPossible: Bool {
    let counts =
      [step, batch, evaluatedStep, bestStep, evaluationsSinceBest, savedStep, goodStep, rewinds, stepGuard.observed]
      + [stepGuard.skippedInARow] + stepGuard.skipped.values
    return counts.allSatisfy { (0...Self.countLimit).contains($0) } && (0...1).contains(learningRateFactor)
  }

  /// Records the score of an evaluation.
  ///
  /// - Returns: Whether it is lower than all earlier ones.
  mutating func record(bitsPerByte: Double) -> Bool {
    evaluatedStep = step
    let isBest = bitsPerByte < bestBitsPerByte ?? .infinity
    if isBest {
      bestBitsPerByte = bitsPerByte
      bestStep = step
      evaluationsSinceBest = 0
    } else {
      evaluationsSinceBest += 1
    }
    return isBest
  }

  /// Records that a step could be taken, which makes the newest regular checkpoint the rewind target.
  mutating func noteGoodStep() { goodStep = max(goodStep, savedStep) }

  /// Returns to the progress of a good checkpoint.
  ///
  /// These do not go back: the data position, the rewind target, the best score with its step and the evaluations
  /// since, the counts of rewinds and skipped steps. The learning rate is multiplied by the factor.
  ///
  /// - Parameters:
  ///   - good: The progress of the checkpoint.
  ///   - factor: The factor of the learning rate.
  mutating func rewind(to good: TrainingProgress, factor: Double) {
    let left = self
    self = good
    batch = left.batch
    goodStep = left.goodStep
    bestBitsPerByte = left.bestBitsPerByte
    bestStep = left.bestStep
    evaluationsSinceBest = left.evaluationsSinceBest
    rewinds = left.rewinds + 1
    learningRateFactor = left.learningRateFactor * factor
    stepGuard.skipped = left.stepGuard.skipped
    stepGuard.skippedInARow = 0
    stepGuard.notFinite = nil
  }
}
