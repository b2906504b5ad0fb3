/// Why a run cannot go on.
package enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// Skipping steps and going back did not help.
  case diverged(step: Int, skippedInARow: Int, rewinds: Int, notFinite: NotFinitePlace?)
  /// The run is at its end with numbers that are not finite.
  case notFinite(NotFinitePlace)
  /// There is no checkpoint of the step.
  case noCheckpoint(step: Int)

  /// The message in one line.
  package var description: String {
    switch self {
    case .diverged(let step, let skippedInARow, let rewinds, let notFinite):
      "step \(step): the last \(skippedInARow) steps had to be skipped (loss or gradient not finite, or far above its "
        + "mean), after \(rewinds) rewinds"
        + (notFinite.map { "; the first number that is not finite: \($0.name), at step \($0.step)" } ?? "")
    case .notFinite(let place):
      "step \(place.step): \(place.name): expected finite numbers, found NaN or infinity, and the run ends with it"
    case .noCheckpoint(let step): "step \(step): expected a checkpoint to go back to, found none"
    }
  }
}
