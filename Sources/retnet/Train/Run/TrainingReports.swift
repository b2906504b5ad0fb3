internal import Files
internal import Training

/// Writes the optional reports of a run, TensorBoard's event file and `loss.svg`.
///
/// Neither is needed to resume. If one cannot be written, the run prints one warning and continues.
struct TrainingReports {
  private let folder: RunFolder
  private let name: String
  private let configuration: (steps: Int, batchTokens: Int)
  private var chart = LossChart()
  private var events: EventFile?
  private var lastDrawn: ContinuousClock.Instant?
  /// The first error, until it is printed.
  private var problem: String?
  private var hasFailed = false
  /// The step and time from which the next line measures the speed.
  private var mark: (step: Int, time: ContinuousClock.Instant)

  /// The pause between charts: drawing takes about a millisecond and a disk write. Evaluations are drawn sooner.
  private static let (pause, pauseBeforeEvaluation) = (Duration.seconds(5), Duration.seconds(1))

  /// - Parameters:
  ///   - folder: The run folder.
  ///   - plan: The plan of the run.
  init(_ folder: RunFolder, _ plan: TrainingPlan) {
    self.folder = folder
    // The user named the run by its folder; "." and ".." are not names.
    let last = folder.path.split(separator: "/").last.map(String.init) ?? "."
    name = last.allSatisfy { $0 == "." } ? plan.name : last
    configuration = (plan.training.steps, plan.training.batchTokens)
    mark = (0, .now)
  }

  /// Adds a row that an earlier process of the run wrote.
  mutating func read(_ row: MetricsRow) { chart.take(row) }

  /// Starts the files of this process, after the rows of earlier processes.
  ///
  /// - Parameter step: The last finished step.
  mutating func begin(after step: Int) {
    attempt { reports in reports.events = try EventFile(inFolder: reports.folder.path, after: step) }
    restartClock(at: step)
    if !chart.isEmpty { draw() }
  }

  /// Adds a row that was just written.
  mutating func take(_ row: MetricsRow) {
    chart.take(row)
    guard let step = row.step else { return }
    if let rewindStep = row.rewindStep {
      attempt { reports in try reports.events?.goBack(to: rewindStep) }
      restartClock(at: rewindStep)
    } else {
      var points = row.points
      if row.numbers["loss"] != nil, step > mark.step {
        let tokens = Double((step - mark.step) * configuration.batchTokens)
        points.append(("train/tokens_per_second", Float(tokens / (ContinuousClock.now - mark.time).inSeconds)))
        restartClock(at: step)
      }
      if !points.isEmpty { attempt { reports in try reports.events?.write(step: step, points) } }
    }
    let pause = row.numbers["validation_loss"] == nil ? Self.pause : Self.pauseBeforeEvaluation
    if lastDrawn.map({ ContinuousClock.now - $0 >= pause }) ?? true { draw() }
  }

  /// Restarts the clock of the speed, so that evaluations and checkpoints do not count.
  mutating func restartClock(at step: Int) { mark = (step, .now) }

  /// Draws the current chart.
  mutating func draw() {
    lastDrawn = .now
    attempt { reports in
      try AtomicFile.write(
        Array(reports.chart.svg(name: reports.name, steps: reports.configuration.steps).utf8),
        replacing: reports.folder.file("loss.svg"))
    }
  }

  /// Waits until the events are on disk.
  mutating func sync() { attempt { reports in try reports.events?.sync() } }

  /// A warning that was not printed yet; there is at most one per run.
  mutating func takeProblem() -> String? {
    defer { problem = nil }
    return problem
  }

  private mutating func attempt(_ work: (inout TrainingReports) throws -> Void) {
    do {
      try work(&self)
    } catch {
      if !hasFailed { problem = "warning: \(error); the run continues without it" }
      hasFailed = true
    }
  }
}
