internal import Files
internal import FoundationEssentials
internal import Tensors

/// The rows of a benchmark, with facts about the machine.
struct BenchReport {
  let rows: [BenchRow]
  let machine = Machine.benchmarkFacts

  /// The complete standard output.
  ///
  /// - Parameters:
  ///   - format: The output format.
  ///   - width: The width of the terminal; nil: any. A wider table is transposed, so that each row becomes a column.
  /// - Returns: The text, with a newline at its end.
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

/// One figure of a row: its name in JSON and CSV, and its form in a table.
struct BenchField {
  /// The name; nil: only shown in the table, because another figure holds the value.
  let name: String?
  let value: JSONValue
  /// The heading; nil: not in the table.
  let heading: String?
  let shown: String

  /// - Parameters:
  ///   - name: The key in JSON and the column in CSV.
  ///   - value: An object becomes a column for each of its members.
  ///   - heading: The heading of the column in the table; nil: not in the table.
  ///   - shown: The text in the table; empty: the value itself.
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

  /// A column that is only in the table.
  static func shown(heading: String, _ text: String) -> BenchField { BenchField(heading: heading, shown: text) }
}

/// One measurement of a benchmark.
struct BenchRow {
  /// What was measured: rows with equal keys are compared.
  let key: [BenchField]
  /// The results, including `tokens_per_second`.
  let results: [BenchField]

  var fields: [BenchField] { key + results }

  /// The members of the row in JSON.
  var members: [(name: String, value: JSONValue)] {
    fields.compactMap { field in field.name.map { (name: $0, value: field.value) } }
  }
}

extension Machine {
  /// The facts about machine and program in a benchmark's output, in the order of the columns.
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
