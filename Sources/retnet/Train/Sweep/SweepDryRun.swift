internal import Configurations
internal import Files
internal import Modeling
internal import Training

/// Prints the runs of a sweep, with their memory and time; writes no file.
struct SweepDryRun {
  let plan: SweepPlan
  let threads: Int
  let isJSON: Bool

  /// Prints the runs and measures a step of each that is of another shape.
  ///
  /// - Throws: `CommandError` with status 78 if the machine cannot hold a run.
  func run() throws {
    var forecasts: [Forecast] = []
    // Models and batches of the same shape take the same time.
    var measured: [(shape: String, measurement: StepMeasurement)] = []
    for combination in plan.combinations {
      let memory = combination.forecast(threads: threads)
      try memory.check(plan.path)
      let shape = combination.shape
      let known = measured.first { $0.shape == shape }?.measurement
      let isFree = memory.warning == nil
      let step =
        known ?? (isFree ? StepMeasurement(combination.model, combination.training, threads: threads) : nil)
      if known == nil, let step { measured.append((shape, step)) }
      let run = DryRun(
        plan: try plan.plan(of: plan.runs[forecasts.count]), threads: threads, isJSON: isJSON)
      forecasts.append(
        Forecast(
          memory: memory.total, seconds: step.map { run.secondsOfRun($0) },
          tokensPerSecond: step.map { run.tokensPerSecond($0) }))
    }
    try StandardStream.output.write(isJSON ? report(forecasts).text + "\n" : text(forecasts))
  }

  private struct Forecast {
    let memory: Double
    let seconds: Double?
    let tokensPerSecond: Double?
  }

  private func secondsOfAll(_ forecasts: [Forecast]) -> Double? {
    let seconds = plan.runs.compactMap { forecasts[$0.combination].seconds }
    return seconds.count == plan.runs.count ? seconds.reduce(0, +) : nil
  }

  private func text(_ forecasts: [Forecast]) -> String {
    let columns = [
      TextTable.Column(heading: "run", isText: true), TextTable.Column(heading: "steps"),
      TextTable.Column(heading: "parameters"), TextTable.Column(heading: "memory"),
      TextTable.Column(heading: "tokens/s", rank: 1), TextTable.Column(heading: "time"),
    ]
    let rows = plan.runs.map { run in
      let (combination, forecast) = (plan.combinations[run.combination], forecasts[run.combination])
      return [
        run.name, grouped(combination.training.steps), grouped(combination.parameterCount),
        memoryWords(forecast.memory), forecast.tokensPerSecond.map(shortened) ?? "–",
        forecast.seconds.map(clockTime) ?? "–",
      ]
    }
    let most = forecasts.map(\.memory).max() ?? 0
    var end = "\(counted(plan.runs.count, "run")), one after the other: at most \(memoryWords(most)) of memory"
    if let seconds = secondsOfAll(forecasts) { end += ", \(clockTime(seconds)) on \(counted(threads, "thread"))" }
    return TextTable(columns: columns, rows: rows).text(width: StandardStream.output.lineWidth) + "\n" + end + "\n"
  }

  private func report(_ forecasts: [Forecast]) -> JSONReport {
    func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    let runs = plan.runs.map { run -> JSONValue in
      let (combination, forecast) = (plan.combinations[run.combination], forecasts[run.combination])
      return .object([
        "folder": .text(run.name), "seed": .integer(run.seed), "settings": .list(run.settings.map { .text($0) }),
        "steps": .integer(combination.training.steps), "parameters": .integer(combination.parameterCount),
        "memory_bytes": .number(forecast.memory), "tokens_per_second": number(forecast.tokensPerSecond),
        "eta_seconds": number(forecast.seconds),
      ])
    }
    return JSONReport([
      "kind": .text("sweep"), "configuration": .text(plan.path), "runs": .list(runs), "threads": .integer(threads),
      "memory_bytes": number(forecasts.map(\.memory).max()), "eta_seconds": number(secondsOfAll(forecasts)),
    ])
  }
}

extension SweepCombination {
  /// The memory that a run needs on this machine.
  func forecast(threads: Int) -> MemoryForecast {
    MemoryForecast(model, training, isEvaluated: true, threads: threads)
  }

  /// What the time of a step depends on, as text.
  fileprivate var shape: String {
    // Any other key that does not change the time makes one more measurement at most.
    let ignored: Set = [
      "steps", "learning_rate", "minimum_learning_rate", "warmup_steps", "schedule", "decay_steps", "weight_decay",
      "seed", "beta1", "beta2", "epsilon", "gradient_clip",
    ]
    let settings = training.settings.filter { !ignored.contains($0.name) }
    return (model.settings + settings).map { "\($0.name)=\($0.value.yaml)" }.joined(separator: "\n")
  }
}
