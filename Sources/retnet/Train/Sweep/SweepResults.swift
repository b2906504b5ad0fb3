/// What came of the runs of a sweep, by combination of values.
package struct SweepResults: Sendable {
  /// What became of a run.
  package enum Outcome: Equatable, Sendable {
    /// It has not ended yet.
    case pending
    case complete(RunFigures)
    /// It ended with an error: the message, in one line, and the exit status that it means.
    case failed(String, status: Int32)

    package var figures: RunFigures? {
      if case .complete(let figures) = self { figures } else { nil }
    }

    package var isFailed: Bool {
      if case .failed = self { true } else { false }
    }
  }

  /// A combination of values with its runs, one for each seed.
  package struct Row: Sendable {
    /// A value for each key.
    package let values: [SweepValue]
    package var outcomes: [Outcome]

    package init(_ values: [SweepValue], _ outcomes: [Outcome]) {
      (self.values, self.outcomes) = (values, outcomes)
    }

    var figures: [RunFigures] { outcomes.compactMap(\.figures) }

    /// The mean of a figure over the runs that are complete; nil if one of them lacks it, or there is none.
    func mean(_ figure: (RunFigures) -> Double?) -> Double? {
      let found = figures.compactMap(figure)
      return found.isEmpty || found.count < figures.count ? nil : found.reduce(0, +) / Double(found.count)
    }

    /// The standard deviation of a figure over the seeds; nil for fewer than two complete runs.
    func spread(_ figure: (RunFigures) -> Double?) -> Double? { figures.compactMap(figure).standardDeviation }

    /// Whether the row can be the best one.
    var counts: Bool { !outcomes.contains(where: \.isFailed) }
  }

  /// The names of the keys.
  package let names: [String]
  /// The rows in the order of the combinations.
  package var rows: [Row]

  package init(names: [String], rows: [Row]) { (self.names, self.rows) = (names, rows) }

  /// The row with the lowest mean of bits per byte so far. Combinations with a run that failed do not count: the mean of
  /// the others would be of fewer seeds.
  package var best: Int? {
    rows.indices.filter { rows[$0].counts && rows[$0].mean(\.bitsPerByte) != nil }
      .min { rows[$0].mean(\.bitsPerByte) ?? .infinity < rows[$1].mean(\.bitsPerByte) ?? .infinity }
  }

  var outcomes: [Outcome] { rows.flatMap(\.outcomes) }

  /// The table: a row for each combination, the best one marked.
  ///
  /// - Parameter width: The columns of the terminal; nil: any number.
  /// - Returns: The lines, joined by newlines.
  package func table(width: Int?) -> String {
    let hasSpread = rows.contains { $0.outcomes.count > 1 }
    var columns = names.map { TextTable.Column(heading: $0) }
    func add(_ heading: String, rank: Int, spread: Int? = nil) {
      columns.append(TextTable.Column(heading: heading, rank: rank))
      if let spread, hasSpread { columns.append(TextTable.Column(heading: "± sd", rank: spread)) }
    }
    add("bits/byte", rank: 0, spread: 2)
    add("validation loss", rank: 5, spread: 6)
    add("training loss", rank: 4)
    add("tokens/s", rank: 3)
    add("steps", rank: 8)
    add("minutes", rank: 7)
    columns.append(TextTable.Column(heading: "", isText: true))
    let best = best
    return TextTable(columns: columns, rows: rows.indices.map { cells($0, isBest: $0 == best, hasSpread: hasSpread) })
      .text(width: width)
  }

  private func cells(_ index: Int, isBest: Bool, hasSpread: Bool) -> [String] {
    let row = rows[index]
    var cells = row.values.map(\.text)
    func add(_ figure: (RunFigures) -> Double?, withSpread: Bool = false) {
      cells.append(row.mean(figure)?.fixed(4) ?? "–")
      if withSpread, hasSpread { cells.append(row.spread(figure)?.fixed(4) ?? "–") }
    }
    add(\.bitsPerByte, withSpread: true)
    add(\.validationLoss, withSpread: true)
    add(\.trainingLoss)
    cells.append(row.mean(\.tokensPerSecond).map(shortened) ?? "–")
    cells.append(row.mean { Double($0.steps) }.map { grouped(Int($0.rounded())) } ?? "–")
    cells.append(row.mean { $0.seconds }.map { ($0 / 60).fixed(2) } ?? "–")
    return cells + [note(row, isBest: isBest)]
  }

  private func note(_ row: Row, isBest: Bool) -> String {
    let (failed, all) = (row.outcomes.count(where: \.isFailed), row.outcomes.count)
    let pending = all - failed - row.figures.count
    func words(_ count: Int, _ what: String) -> String? {
      count == 0 ? nil : all == 1 ? what : "\(count) of \(all) \(what)"
    }
    return [isBest ? "best" : nil, words(failed, "failed"), words(pending, "to come")].compactMap(\.self)
      .joined(separator: ", ")
  }
}
