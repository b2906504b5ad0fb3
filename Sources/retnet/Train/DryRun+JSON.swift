internal import Configurations
internal import Corpora
internal import Modeling
internal import Training

/// The output of `train --dry-run --json`.
extension DryRun {
  /// Everything that the text says, as one JSON object.
  ///
  /// - Parameters:
  ///   - forecast: The memory forecast.
  ///   - measured: The measurement of a step on this machine; nil if none was made.
  /// - Returns: The report.
  func report(_ forecast: MemoryForecast, _ measured: StepMeasurement?) -> JSONReport {
    let training = plan.training
    var members: [String: JSONValue] = [
      "configuration": .object([
        "model": values(of: plan.model), "data": values(of: plan.data.withAbsolutePaths),
        "training": values(of: training),
      ]),
      "parameters": .integer(plan.parameterCount), "parameters_trained": .integer(plan.trainedCount),
      "parameters_by_part": .object(parameterCounts.mapValues { .integer($0) }),
      "memory_bytes": .number(forecast.total),
      "memory_bytes_by_part": .object(
        Dictionary(uniqueKeysWithValues: forecast.parts.map { ($0.name, .number($0.byteCount)) })),
      "steps": .integer(training.steps), "tokens_per_step": .integer(training.batchTokens),
      "tokens": .integer(training.steps * training.batchTokens), "threads": .integer(threads),
      "warnings": .list((plan.remarks + [forecast.warning].compactMap(\.self)).map { .text($0) }),
      "seconds_per_step": .null, "tokens_per_second": .null, "eta_seconds": .null, "peak_memory_bytes": .null,
    ]
    if let initial = plan.initial {
      members["init_from"] = .object(["path": .text(initial.path), "digest": .text(initial.digest)])
    }
    if let measured {
      members["seconds_per_step"] = .number(measured.secondsPerStep)
      members["tokens_per_second"] = .number(tokensPerSecond(measured))
      members["eta_seconds"] = .number(secondsOfRun(measured))
      if let peak = measured.peakMemory { members["peak_memory_bytes"] = .integer(peak) }
    }
    return JSONReport(members)
  }

  private func values(of configuration: some Configurable) -> JSONValue {
    .object(configuration.values.mapValues { JSONValue($0) })
  }
}
