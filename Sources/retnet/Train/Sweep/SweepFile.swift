internal import Configurations
internal import Files
internal import FoundationEssentials

/// The file `sweep.json` of a sweep: its results, and what the next call of the same command has to know.
struct SweepFile {
  /// What is known of a run.
  struct Entry {
    var outcome = SweepResults.Outcome.pending
    /// The digests of the files that it reads, by key of the block `data`.
    var dataDigests: [String: String] = [:]
  }

  let path: String
  /// The runs by the names of their folders.
  private(set) var entries: [String: Entry] = [:]

  private static let largestByteCount = 1 << 24

  /// Reads the file, if there is one.
  ///
  /// - Parameter path: The path of `sweep.json`.
  /// - Throws: `FileError`; `CommandError` for a file that is none of a sweep.
  init(path: String) throws {
    self.path = path
    guard fileExists(path: path) else { return }
    let bytes = try readAll(path: path, byteLimit: Self.largestByteCount)
    guard case .object(let members)? = try? decodedJSON(JSONValue.self, from: bytes),
      case .list(let runs)? = members["runs"]
    else {
      throw CommandError(
        .badData, "\(path): expected what 'retnet train --sweep' writes, found something else",
        hint: "remove it: what is complete is read from the run folders")
    }
    for case .object(let run) in runs {
      guard case .text(let folder)? = run["folder"] else { continue }
      var entry = Entry()
      if case .text(let message)? = run["failure"], case .integer(let status)? = run["status"] {
        entry.outcome = .failed(message, status: Int32(clamping: status))
      } else if case .text("complete")? = run["state"] {
        // The figures are read from the log, which is their source.
        entry.outcome = .complete(RunFigures([], batchTokens: 0))
      }
      if case .object(let digests)? = run["data_digests"] {
        for case (let key, .text(let digest)) in digests { entry.dataDigests[key] = digest }
      }
      entries[folder] = entry
    }
  }

  /// Writes the results, atomically.
  ///
  /// - Parameters:
  ///   - plan: The sweep.
  ///   - results: Its results so far.
  /// - Throws: `FileError`.
  func write(_ plan: SweepPlan, _ results: SweepResults) throws(FileError) {
    try AtomicFile.write(Array((Self.report(plan, results).text + "\n").utf8), replacing: path)
  }

  /// Everything that the table says, and the figures of each run, as one JSON object.
  static func report(_ plan: SweepPlan, _ results: SweepResults) -> JSONReport {
    var places = [Int](repeating: 0, count: results.rows.count)
    let runs = plan.runs.map { run in
      defer { places[run.combination] += 1 }
      return JSONValue.object(
        members(run, plan, results.rows[run.combination].outcomes[places[run.combination]]))
    }
    let best = results.best
    return JSONReport([
      "kind": .text("sweep"), "configuration": .text(plan.path), "validation": .text(plan.validationPath),
      "keys": .list(
        plan.keys.map { .object(["key": .text($0.name), "values": .list($0.values.map(\.json))]) }),
      "seeds": .list(plan.seeds.map { .integer($0) }), "best_row": best.map { .integer($0) } ?? .null,
      "rows": .list(results.rows.indices.map { .object(members(results.rows[$0], plan, isBest: $0 == best)) }),
      "runs": .list(runs),
    ])
  }

  private static func members(_ row: SweepResults.Row, _ plan: SweepPlan, isBest: Bool) -> [String: JSONValue] {
    func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    return [
      "values": values(row.values, plan), "best": .boolean(isBest), "complete": .integer(row.figures.count),
      "failed": .integer(row.outcomes.count(where: \.isFailed)),
      "bits_per_byte": number(row.mean(\.bitsPerByte)), "bits_per_byte_deviation": number(row.spread(\.bitsPerByte)),
      "validation_loss": number(row.mean(\.validationLoss)),
      "validation_loss_deviation": number(row.spread(\.validationLoss)),
      "training_loss": number(row.mean(\.trainingLoss)),
      "training_loss_deviation": number(row.spread(\.trainingLoss)),
      "tokens_per_second": number(row.mean(\.tokensPerSecond)),
      "steps": number(row.mean { Double($0.steps) }), "seconds": number(row.mean { $0.seconds }),
    ]
  }

  private static func members(
    _ run: SweepRun, _ plan: SweepPlan, _ outcome: SweepResults.Outcome
  ) -> [String: JSONValue] {
    let combination = plan.combinations[run.combination]
    var members: [String: JSONValue] = [
      "folder": .text(run.name), "values": values(combination.values, plan), "seed": .integer(run.seed),
      "data_digests": .object(combination.dataDigests.mapValues { .text($0) }),
    ]
    switch outcome {
    case .pending: members["state"] = .text("pending")
    case .failed(let message, let status):
      members["state"] = .text("failed")
      (members["failure"], members["status"]) = (.text(message), .integer(Int(status)))
    case .complete(let figures):
      members["state"] = .text("complete")
      members.merge(figures.members) { $1 }
    }
    return members
  }

  private static func values(_ values: [SweepValue], _ plan: SweepPlan) -> JSONValue {
    .object(Dictionary(uniqueKeysWithValues: zip(plan.keys.map(\.name), values.map(\.json))))
  }
}

extension SweepValue {
  /// A number, or a text.
  fileprivate var json: JSONValue { number.map { .number($0) } ?? .text(text) }
}

extension RunFigures {
  fileprivate var members: [String: JSONValue] {
    func number(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    return [
      "bits_per_byte": number(bitsPerByte), "validation_loss": number(validationLoss),
      "best_step": .integer(bestStep), "training_loss": number(trainingLoss),
      "tokens_per_second": number(tokensPerSecond), "steps": .integer(steps), "seconds": .seconds(seconds),
    ]
  }
}
