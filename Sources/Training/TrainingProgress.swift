/// Where a run stands: with weights and moments, all that decides how it goes on.
///
/// There is no state of a random source in it: initial weights come from the seed, batch i from the seed and i.
package struct TrainingProgress: Codable, Equatable, Sendable {
  /// Steps behind, skipped ones included: the place in the schedule.
  package internal(set) var step = 0
  /// The data position: the number of the next batch. Ahead of `step` after a rewind, as bad data are not read again.
  package internal(set) var batch = 0
  /// The step after which the validation file was last scored.
  package internal(set) var evaluatedStep = 0
  /// The lowest score so far.
  package internal(set) var bestBitsPerByte: Double?
  /// The step of that score.
  package internal(set) var bestStep = 0
  /// Evaluations since then.
  package internal(set) var evaluationsSinceBest = 0
  /// The step of the newest checkpoint that was due; 0: none yet.
  package internal(set) var savedStep = 0
  /// The step of the checkpoint that a rewind goes back to, the newest whose weights gave a good step; 0: the start of
  /// the run.
  package internal(set) var goodStep = 0
  /// Times that the run went back.
  package internal(set) var rewinds = 0
  /// What these have made of the learning rate.
  package internal(set) var learningRateFactor = 1.0
  /// What the steps so far were like.
  package internal(set) var stepGuard = StepGuard()

  package init() {}

  /// Takes over a score.
  ///
  /// - Returns: Whether no earlier one was as low.
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

  /// Notes that a step was taken with the weights as they are: no checkpoint is good before.
  mutating func noteGoodStep() { goodStep = max(goodStep, savedStep) }

  /// Goes back to a good checkpoint: weights and schedule as they were there, but new data, a lower rate, and what is
  /// known of the run.
  ///
  /// - Parameters:
  ///   - good: What the checkpoint says.
  ///   - factor: Of the learning rate.
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
