/// Why a run cannot go on.
package enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// Skipping steps and going back did not help.
  case diverged(step: Int, skippedInARow: Int, rewinds: Int)
  /// There is no checkpoint of the step.
  case noCheckpoint(step: Int)

  /// The message in one line.
  package var description: String {
    switch self {
    case .diverged(let step, let skippedInARow, let rewinds):
      "step \(step): the last \(skippedInARow) steps had to be skipped (loss or gradient not finite, or far above its "
        + "mean), after \(rewinds) rewinds"
    case .noCheckpoint(let step): "step \(step): expected a checkpoint to go back to, found none"
    }
  }
}
