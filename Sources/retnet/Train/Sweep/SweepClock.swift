/// Estimates how long the runs of a sweep still take, from how long the work of this process took.
package struct SweepClock {
  private var start = ContinuousClock.now
  private var workDone = 0.0
  /// The work of all runs that have not ended.
  private var workAhead = 0.0

  package init() {}

  /// Starts the clock before the first run.
  package mutating func begin(workAhead: Double, now: ContinuousClock.Instant = .now) {
    (start, self.workAhead) = (now, workAhead)
  }

  /// Counts a run that has ended.
  ///
  /// - Parameters:
  ///   - work: The work of the run.
  ///   - begun: The share of it that earlier processes did.
  package mutating func end(work: Double, begun: Double) {
    workDone += work * (1 - begun)
    workAhead -= work
  }

  /// The seconds until all runs have ended.
  ///
  /// - Parameters:
  ///   - work: The work of the current run.
  ///   - begun: The share of it that earlier processes did.
  ///   - done: The share of it that is done.
  ///   - now: The current time.
  /// - Returns: The seconds; nil before anything was done.
  package func secondsLeft(work: Double, begun: Double, done: Double, now: ContinuousClock.Instant = .now) -> Double? {
    let here = workDone + work * (done - begun)
    guard here > 0 else { return nil }
    return (now - start).inSeconds / here * max(0, workAhead - work * done)
  }
}
