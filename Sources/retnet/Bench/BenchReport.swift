internal import Files
internal import FoundationEssentials
internal import Tensors

/// One figure of a row: what JSON and CSV call it, and how a table shows it.
struct BenchField {
  /// nil: only shown, as another figure has it.
  let name: String?
  let value: JSONValue
  /// nil: not in the table.
  let heading: String?
  let shown: String

  /// - Parameters:
  ///   - name: The key in JSON; also the column in CSV.
  ///   - value: An object becomes a column for each of its members.
  ///   - heading: Of the column in the table; nil: not in the table.
  ///   - shown: In the table; empty: the value as it is.
  init(_ name: String, _ value: JSONValue, heading: String?, shown: String = "") {
    (self.name, self.value, self.heading) = (name, value, heading)
    self.shown = shown.isEmpty ? value.cell : shown
  }

  /// A figure whose heading is its name.
  init(_ name: String, _ value: JSONValue, shown: String = "") {
    self.init(name, value, heading: name, shown: shown)
  }

  private init(heading: String, shown: String) {
    (name, value, self.heading, self.shown) = (nil, .null, heading, shown)
  }

  /// A column of the table only.
  static func shown(heading: String, _ text: String) -> BenchField { BenchField(heading: heading, shown: text) }
}

/// One measurement.
struct BenchRow {
  /// What was measured: rows of equal keys are compared.
  let key: [BenchField]
  /// What was found; `tokens_per_second` among it.
  let results: [BenchField]

  var fields: [BenchField] { key + results }

  /// What JSON has of the row.
  var members: [(name: String, value: JSONValue)] {
    fields.compactMap { field in field.name.map { (name: $0, value: field.value) } }
  }
}

/// Rows of a benchmark with the machine that they are from.
struct BenchReport {
  let rows: [BenchRow]
  let machine = Machine.benchmarkFacts

  /// Everything that goes to standard output.
  ///
  /// - Parameters:
  ///   - format: How rows are printed.
  ///   - width: Of the terminal; nil: any. A table that is wider is turned, so that each row is a column.
  /// - Returns: With a newline at its end.
  func text(_ format: BenchFormat, width: Int? = StandardStream.output.lineWidth) -> String {
    switch format {
    case .md: machineLine.wrapped(to: width) + "\n\n" + table(rows, width: width) + "\n"
    case .csv: csvTable(rows, machine: machine) + "\n"
    case .jsonl: rows.map { JSONReport(object($0).merging(["machine": machineObject]) { $1 }).line + "\n" }.joined()
    case .json:
      JSONReport(["machine": machineObject, "rows": .list(rows.map { .object(object($0)) })]).text + "\n"
    }
  }

  private var machineObject: JSONValue { .object(dictionary(machine)) }

  private func object(_ row: BenchRow) -> [String: JSONValue] { dictionary(row.members) }

  private func dictionary(_ members: [(name: String, value: JSONValue)]) -> [String: JSONValue] {
    Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.value) })
  }

  private var machineLine: String {
    let facts = dictionary(machine)
    func fact(_ name: String) -> String { facts[name]?.cell ?? "" }
    return "\(fact("cpu")), \(fact("features")), \(fact("threads")) threads; OpenBLAS core \(fact("blas_core")); "
      + "retnet \(fact("version")), commit \(fact("commit").prefix(12)), \(fact("date"))"
  }
}

extension Machine {
  /// What a benchmark says of the machine and of the program, in the order of the columns.
  static var benchmarkFacts: [(name: String, value: JSONValue)] {
    [
      ("cpu", .text(cpuName)),
      ("features", .list(CPU().names.map { .text($0) })),
      ("threads", .integer(GlobalOptions.defaultThreadCount)),
      ("blas", .text(BLAS.configuration)),
      ("blas_core", .text(BLAS.coreName)),
      ("blas_held_back", .boolean(BLAS.unusedFeature != nil)),
      ("version", .text(Version.number)),
      ("commit", .text(Terminal.buildCommit)),
      ("date", .text(Date.now.ISO8601Format())),
    ]
  }
}
