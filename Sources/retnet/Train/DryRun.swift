internal import Corpora
internal import Files
internal import Modeling
internal import Tensors
internal import Training

/// Prints the output of `train --dry-run`: the resolved configuration, with sizes, memory and time as comments.
struct DryRun {
  let plan: TrainingPlan
  let threads: Int
  /// Whether one JSON object is printed instead of the text.
  let isJSON: Bool

  /// Prints the plan and the memory forecast, then measures a step if the machine has enough memory; writes no file.
  ///
  /// - Throws: `CommandError` with status 78, after the forecast, if the machine cannot hold the run.
  func run() throws {
    let forecast = MemoryForecast(
      plan.model, plan.training, isEvaluated: plan.validationFile != nil, threads: threads)
    if isJSON { return try runForJSON(forecast) }
    let parts = [plan.text, comment([stepLine]), comment(parameterLines), comment(lines(of: forecast))]
    try write(parts.joined(separator: "\n"))
    try forecast.check(plan.path)
    if let warning = forecast.warning { return try write(comment(["not measured: " + warning])) }
    let measured = StepMeasurement(plan.model, plan.training, threads: threads)
    try write("\n" + comment(lines(of: measured)))
  }

  /// A run that does not fit, or would take memory from other processes, is not measured.
  private func runForJSON(_ forecast: MemoryForecast) throws {
    var errors = CommandErrors()
    let isPossible = errors.catching { try forecast.check(plan.path) } != nil && forecast.warning == nil
    let measured = isPossible ? StepMeasurement(plan.model, plan.training, threads: threads) : nil
    try write(report(forecast, measured).text + "\n")
    try errors.throwAll()
  }

  /// Comments are wrapped at the terminal width; a line of YAML is not.
  private func write(_ text: String, width: Int? = StandardStream.output.lineWidth) throws {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.hasPrefix("#") ? String(line).wrapped(to: width, indent: "#   ") : String(line)
    }
    try StandardStream.output.write(lines.joined(separator: "\n"))
  }

  private func comment(_ lines: [String]) -> String { lines.map { "# \($0)\n" }.joined() }

  private var stepLine: String {
    let training = plan.training
    return "\(grouped(training.steps)) steps of \(grouped(training.batchTokens)) tokens in micro-batches of "
      + "\(training.microBatchSize) × \(grouped(training.sequenceLength))"
  }

  /// The number of weights by purpose.
  var parameterCounts: [String: Int] {
    Parameters.descriptions(plan.model).reduce(into: [:]) { $0[$1.part.name, default: 0] += $1.shape.count }
  }

  private var parameterLines: [String] {
    let counts = parameterCounts
    let rows = ParameterPart.parts(of: plan.model).compactMap { part in
      counts[part.name].map {
        (part.name, "\(grouped($0))  \((100 * Double($0) / Double(plan.parameterCount)).fixed(1)) %")
      }
    }
    return ["parameters"] + table(rows)
  }

  private func lines(of forecast: MemoryForecast) -> [String] {
    let machine = MachineMemory().map { " of \(memoryWords($0.limit)), \(memoryWords($0.available)) free" } ?? ""
    let files = (plan.trainFiles.map(\.file) + [plan.validationFile].compactMap(\.self)).reduce(0) {
      $0 + $1.count * $1.header.idByteCount
    }
    return ["memory"]
      + table(
        forecast.parts.map { ($0.name, memoryWords($0.byteCount)) } + [("together", memoryWords(forecast.total))]
      )
      .enumerated().map { $0.offset == forecast.parts.count ? $0.element + machine : $0.element }
      + ["and up to \(memoryWords(Double(files))) of token files, cached: the system frees it when it needs memory"]
  }

  private func lines(of measured: StepMeasurement) -> [String] {
    let speed = tokensPerSecond(measured)
    var lines = [
      "measured on \(threads) threads: \(shortened(measured.secondsPerStep)) s a step of "
        + "\(grouped(plan.training.batchTokens)) tokens, \(shortened(speed)) tokens/s"
    ]
    var end = "ETA \(clockTime(secondsOfRun(measured)))"
    if evaluationSeconds(speed) > 0 { end += ", including evaluations of \(clockTime(evaluationSeconds(speed)))" }
    lines.append(end)
    if let peak = measured.peakMemory { lines.append("peak memory of these steps: \(memoryWords(Double(peak)))") }
    return lines
  }

  func tokensPerSecond(_ measured: StepMeasurement) -> Double {
    Double(plan.training.batchTokens) / measured.secondsPerStep
  }

  /// The time of all steps and evaluations.
  func secondsOfRun(_ measured: StepMeasurement) -> Double {
    Double(plan.training.steps) * measured.secondsPerStep + evaluationSeconds(tokensPerSecond(measured))
  }

  /// An evaluation is a forward pass: a third of a training step's work per token.
  private func evaluationSeconds(_ tokensPerSecond: Double) -> Double {
    guard let file = plan.validationFile else { return 0 }
    let training = plan.training
    let interval = training.evaluateEvery > 0 ? training.evaluateEvery : training.steps
    let count = (training.steps + interval - 1) / interval
    return Double(count * file.count) / (3 * tokensPerSecond)
  }

  /// A table with left-aligned names and right-aligned figures.
  private func table(_ rows: [(name: String, figure: String)]) -> [String] {
    let name = rows.map(\.name.count).max() ?? 0
    let figure = rows.map(\.figure.count).max() ?? 0
    return rows.map { row in
      "  " + row.name.padded(to: name) + "  " + String(repeating: " ", count: figure - row.figure.count) + row.figure
    }
  }
}
