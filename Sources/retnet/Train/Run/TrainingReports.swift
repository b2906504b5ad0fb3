internal import Files
internal import Training

/// What shows a run on its way besides its log: the event file of TensorBoard, and `loss.svg`.
///
/// Neither is needed to go on, so what cannot be written is said once, and the run goes on.
struct TrainingReports {
  private let folder: RunFolder
  private let name: String
  private let configuration: (steps: Int, batchTokens: Int)
  private var chart = LossChart()
  private var events: EventFile?
  private var lastDrawn: ContinuousClock.Instant?
  /// What went wrong first, until it is said.
  private var problem: String?
  private var hasFailed = false
  /// Where the steps began whose rate the next line tells.
  private var mark: (step: Int, time: ContinuousClock.Instant)

  /// How long a picture stays: it costs about a millisecond, and the disk a write. Evaluations are worth one sooner.
  private static let (pause, pauseBeforeEvaluation) = (Duration.seconds(5), Duration.seconds(1))

  /// - Parameters:
  ///   - folder: Where the files go.
  ///   - plan: Of the run.
  init(_ folder: RunFolder, _ plan: TrainingPlan) {
    self.folder = folder
    // The folder is what the user named this run; "." and ".." are not names.
    let last = folder.path.split(separator: "/").last.map(String.init) ?? "."
    name = last.allSatisfy { $0 == "." } ? plan.name : last
    configuration = (plan.training.steps, plan.training.batchTokens)
    mark = (0, .now)
  }

  /// Takes in a line that the run had written before it was stopped.
  mutating func read(_ row: MetricsRow) { chart.take(row) }

  /// Begins the files of this process, after the lines of those before it.
  ///
  /// - Parameter step: The last one that is behind.
  mutating func begin(after step: Int) {
    attempt { reports in reports.events = try EventFile(inFolder: reports.folder.path, after: step) }
    restartClock(at: step)
    if !chart.isEmpty { draw() }
  }

  /// Takes in a line that was just written.
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

  /// Leaves out of the rate what was done besides steps: an evaluation, a checkpoint.
  mutating func restartClock(at step: Int) { mark = (step, .now) }

  /// Draws the picture as it is now.
  mutating func draw() {
    lastDrawn = .now
    attempt { reports in
      let file = try AtomicFile(replacing: reports.folder.file("loss.svg"))
      try file.write(Array(reports.chart.svg(name: reports.name, steps: reports.configuration.steps).utf8))
      try file.commit()
    }
  }

  /// Waits until the events are on the disk.
  mutating func sync() { attempt { reports in try reports.events?.sync() } }

  /// A warning that has not been given yet; there is one in a run at most.
  mutating func takeProblem() -> String? {
    defer { problem = nil }
    return problem
  }

  private mutating func attempt(_ work: (inout TrainingReports) throws -> Void) {
    do {
      try work(&self)
    } catch {
      if !hasFailed { problem = "warning: \(error); the run goes on without it" }
      hasFailed = true
    }
  }
}
