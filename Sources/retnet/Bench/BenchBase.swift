internal import Configurations
internal import Files
internal import Tensors

/// The rows of an earlier benchmark, to detect slowdowns.
struct BenchBase {
  private let path: String
  /// The fraction of its tokens per second that a row may lose; nil: any.
  private let slowdown: Double?
  private let rows: [[String: JSONValue]]
  private let machine: [String: JSONValue]

  /// - Throws: `FileError`; `CommandError` with status 65 if the file is not an output of `--output-format json`.
  init(path: String, slowdown: Double?) throws {
    try FileRole.benchmark.check(path)
    let bytes = try readAll(path: path, byteLimit: 1 << 26)
    let path = StreamPath.inputName(path)
    guard let value = try? decodedJSON(JSONValue.self, from: bytes), case .object(let report) = value
    else { throw CommandError(.badData, "\(path): expected a JSON object of 'retnet bench', found something else") }
    guard report["schema_version"] == .integer(JSONReport.schemaVersion) else {
      throw CommandError(.badData, "\(path): key 'schema_version': expected \(JSONReport.schemaVersion)")
    }
    guard case .list(let list) = report["rows"] else {
      throw CommandError(.badData, "\(path): key 'rows': expected a list")
    }
    rows = try list.enumerated().map { index, row in
      guard case .object(let members) = row, members.speed != nil else {
        throw CommandError(
          .badData, "\(path): key 'rows', row \(index): expected an object with 'tokens_per_second' above 0")
      }
      var row = members
      // Earlier versions printed the full names of number formats.
      if case .text(let word) = members["precision"] { row["precision"] = .text(NumberFormat.fullNames[word] ?? word) }
      return row
    }
    if case .object(let machine) = report["machine"] { self.machine = machine } else { machine = [:] }
    (self.path, self.slowdown) = (path, slowdown)
  }

  /// The speed of the row with this key in the earlier run.
  ///
  /// - Throws: `CommandError` with status 65 if there is no such row.
  func tokensPerSecond(of key: [BenchField]) throws -> Double {
    let row = rows.first { row in key.allSatisfy { field in row[field.name ?? ""] == field.value } }
    guard let speed = row?.speed else {
      throw CommandError(
        .badData, "\(path): expected a row with \(key.description), found none of its \(rows.count) rows equal",
        hint: "measure the base with the same options and --output-format json")
    }
    return speed
  }

  /// Compares every row with its earlier counterpart; ends with status 1 if one is slower than allowed.
  func check(_ found: [BenchRow], _ talk: VerbosityOptions) throws {
    for fact in Machine.benchmarkFacts where ["cpu", "blas_core"].contains(fact.name) {
      if let other = machine[fact.name], other != fact.value {
        talk.say("warning: \(path) was measured with \(fact.name) '\(other.cell)', not '\(fact.value.cell)'")
      }
    }
    var isSlower = false
    for row in found {
      let members = Dictionary(uniqueKeysWithValues: row.members.map { ($0.name, $0.value) })
      guard let speed = members.speed else { continue }
      let before = try tokensPerSecond(of: row.key)
      let change = "\((100 * (speed / before - 1)).fixed(1)) %"
      talk.say(
        "bench: \(row.key.description): \(speed.fixed(1)) tokens/s, \(before.fixed(1)) in \(path): \(change)")
      // Written so that NaN fails.
      if let slowdown, !(speed >= before * (1 - slowdown)) {
        isSlower = true
        talk.say("bench: \(row.key.description): lost more than \((100 * slowdown).fixed(1)) %")
      }
    }
    if isSlower { throw ExitStatus.checkFailed.exit }
  }
}

extension [BenchField] {
  /// The key as text.
  fileprivate var description: String { map { "\($0.name ?? "") \($0.value.cell)" }.joined(separator: ", ") }
}

extension [String: JSONValue] {
  /// `tokens_per_second`, if it is a valid speed.
  fileprivate var speed: Double? {
    switch self["tokens_per_second"] {
    case .number(let speed) where speed > 0: speed
    case .integer(let speed) where speed > 0: Double(speed)
    default: nil
    }
  }
}
