internal import Files
internal import FoundationEssentials
internal import Modeling
internal import Tasks

/// The results of tasks, as a table and with the keys of lm-evaluation-harness.
struct TaskReport {
  let results: [TaskResult]
  let model: LoadedModel
  let options: TaskOptions
  let startsWithBOS: Bool
  let precision: String
  /// The time of the start, in seconds since 1970.
  let date: Double

  // MARK: - Table

  /// The table of the harness, with a line for the accuracy of guessing.
  var table: String {
    let headings = ["Tasks", "Version", "Filter", "n-shot", "Metric", "", "Value", "", "Stderr"]
    let isNumber = [false, true, false, true, false, false, true, false, true]
    var rows: [[String]] = []
    for result in results {
      var lines = result.figures.sorted { $0.metric.rawValue < $1.metric.rawValue }.map { figure in
        [
          "\(result.exampleCount)", figure.metric.rawValue, figure.metric.isHigherBetter ? "↑" : "↓",
          figure.value.fixed(4), "±", figure.standardError?.fixed(4) ?? "N/A",
        ]
      }
      if let chance = result.chance { lines.append(["\(result.exampleCount)", "chance", "", chance.fixed(4), "", ""]) }
      for (index, line) in lines.enumerated() {
        rows.append((index == 0 ? [result.task.name, "\(result.task.version)", "none"] : ["", "", "none"]) + line)
      }
    }
    let widths = headings.indices.map { column in
      max(3, ([headings] + rows).map { $0[column].count }.max() ?? 0)
    }
    func line(_ cells: [String]) -> String { "|" + cells.joined(separator: "|") + "|" }
    let heading = line(headings.indices.map { headings[$0].centered(in: widths[$0]) })
    let rule = line(
      headings.indices.map { column in
        let dashes = String(repeating: "-", count: widths[column] - (isNumber[column] ? 1 : 0))
        return isNumber[column] ? dashes + ":" : dashes
      })
    let body = rows.map { row in
      line(
        row.indices.map { isNumber[$0] ? row[$0].rightAligned(in: widths[$0]) : row[$0].padded(to: widths[$0]) })
    }
    return ([heading, rule] + body).joined(separator: "\n")
  }

  /// How the figures were made.
  var method: String {
    let rows = results.reduce(0) { $0 + $1.evaluatedCount }
    let seconds = results.reduce(0) { $0 + $1.seconds }
    return "\(grouped(rows)) rows in \(seconds.fixed(2)) s, \((Double(rows) / max(seconds, 1e-9)).fixed(1)) rows/s; "
      + "contexts \(startsWithBOS ? "start" : "do not start") with BOS; products in \(precision)"
  }

  // MARK: - JSON

  var json: JSONReport { JSONReport(members) }

  var members: [String: JSONValue] {
    func byTask(_ value: (TaskResult) -> JSONValue) -> JSONValue {
      .object(Dictionary(uniqueKeysWithValues: results.map { ($0.task.name, value($0)) }))
    }
    return [
      "results": byTask { .object(Self.metrics($0)) },
      "group_subtasks": byTask { _ in .list([]) },
      "configs": byTask { result in
        .object([
          "task": .text(result.task.name), "num_fewshot": .integer(result.exampleCount),
          "output_type": .text(result.task.kind.outputType),
          "metadata": .object(["version": .number(Double(result.task.version))]),
        ])
      },
      "versions": byTask { .number(Double($0.task.version)) },
      "n-shot": byTask { .integer($0.exampleCount) },
      "higher_is_better": byTask { result in
        .object(
          Dictionary(
            uniqueKeysWithValues: result.task.metrics.map { ($0.rawValue, .boolean($0.isHigherBetter)) }))
      },
      "n-samples": byTask {
        .object(["original": .integer($0.rowCount), "effective": .integer($0.evaluatedCount)])
      },
      "chance": byTask { $0.chance.map { .number($0) } ?? .null },
      "config": .object([
        "model": .text("retnet"), "model_args": .text("model=\(model.header.path)"),
        "limit": options.limit.map { .number($0) } ?? .null,
        "bootstrap_iters": .integer(TaskEvaluation.resamples),
        "fewshot_seed": .seed(options.fewshotSeed ?? TaskEvaluation.usualSeed),
        "add_bos_token": .boolean(startsWithBOS), "precision": .text(precision),
        "model_digest": model.header.storedDigest.map { .text($0.description) } ?? .null,
      ]),
      "date": .number(date), "model_source": .text("retnet"), "model_name": .text(model.header.path),
      "total_evaluation_time_seconds": .text("\(results.reduce(0) { $0 + $1.seconds })"),
    ]
  }

  private static func metrics(_ result: TaskResult) -> [String: JSONValue] {
    var members: [String: JSONValue] = [
      "name": .text(result.task.name), "alias": .text(result.task.name), "sample_len": .integer(result.evaluatedCount),
    ]
    for figure in result.figures {
      members["\(figure.metric.rawValue),none"] = .number(figure.value)
      members["\(figure.metric.rawValue)_stderr,none"] = figure.standardError.map { .number($0) } ?? .text("N/A")
    }
    return members
  }
}

extension Task.Kind {
  /// The name that the harness has for it.
  fileprivate var outputType: String {
    switch self {
    case .choice: "multiple_choice"
    case .lastWord: "loglikelihood"
    case .rolling: "loglikelihood_rolling"
    }
  }
}

extension String {
  fileprivate func centered(in width: Int) -> String {
    let free = max(0, width - count)
    return String(repeating: " ", count: free / 2) + self + String(repeating: " ", count: free - free / 2)
  }
}
