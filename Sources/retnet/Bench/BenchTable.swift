/// The rows as a Markdown table, transposed if that is wider than the terminal.
func table(_ rows: [BenchRow], width: Int?) -> String {
  let table = markdownTable(rows)
  guard let width, (table.prefix { $0 != "\n" }).count > width else { return table }
  return turnedTable(rows, width: width)
}

/// A transposed table: a line for each figure, with its heading and as many rows as fit next to each other.
private func turnedTable(_ rows: [BenchRow], width: Int) -> String {
  let fields = rows.map { row in row.fields.filter { $0.heading != nil } }
  let headings = (fields.first ?? []).map { $0.heading ?? "" }
  let headingWidth = headings.map(\.count).max() ?? 0
  var (parts, columns) = ([String](), [[String]]())
  // A cell that is too long for the terminal is wrapped and does not widen its column.
  func columnWidth(_ column: [String]) -> Int { min(column.map(\.count).max() ?? 0, max(0, width - headingWidth - 2)) }
  func finish() {
    parts.append(
      headings.indices.map { line in
        headings[line].padded(to: headingWidth)
          + columns.map { "  " + $0[line].rightAligned(in: columnWidth($0)) }.joined()
      }.joined(separator: "\n").wrapped(to: width))
    columns = []
  }
  for column in fields.map({ $0.map(\.shown) }) {
    let taken = headingWidth + (columns + [column]).reduce(0) { $0 + columnWidth($1) + 2 }
    if taken > width, !columns.isEmpty { finish() }
    columns.append(column)
  }
  finish()
  return parts.joined(separator: "\n\n")
}

/// The rows as a Markdown table whose columns also line up in a terminal.
func markdownTable(_ rows: [BenchRow]) -> String {
  guard let first = rows.first else { return "" }
  let headings = first.fields.compactMap(\.heading)
  let cells = rows.map { row in row.fields.filter { $0.heading != nil }.map(\.shown) }
  let widths = headings.indices.map { column in ([headings] + cells).map { $0[column].count }.max() ?? 0 }
  func line(_ cells: [String]) -> String {
    "| " + zip(cells, widths).map { String(repeating: " ", count: $1 - $0.count) + $0 }.joined(separator: " | ") + " |"
  }
  // A colon at the end: numbers are right-aligned.
  let rule = "|" + widths.map { String(repeating: "-", count: $0 + 1) + ":|" }.joined()
  return ([line(headings), rule] + cells.map(line)).joined(separator: "\n")
}

/// The rows as CSV (RFC 4180), each with the facts about the machine, so that several runs can be concatenated.
func csvTable(_ rows: [BenchRow], machine: [(name: String, value: JSONValue)]) -> String {
  let lines = rows.map { flattened($0.members + machine.map { (name: "machine_" + $0.name, value: $0.value) }) }
  guard let first = lines.first else { return "" }
  return ([first.map(\.name)] + lines.map { $0.map(\.value.cell) }).map { cells in
    cells.map(quoted).joined(separator: ",")
  }.joined(separator: "\n")
}

/// Flattens the members: an object becomes one member for each of its own.
private func flattened(_ members: [(name: String, value: JSONValue)]) -> [(name: String, value: JSONValue)] {
  members.flatMap { member in
    guard case .object(let parts) = member.value else { return [member] }
    return parts.sorted { $0.key < $1.key }.map { (name: "\(member.name).\($0.key)", value: $0.value) }
  }
}

private func quoted(_ cell: String) -> String {
  let isPlain = cell.allSatisfy { $0 != "," && $0 != "\"" && !$0.isNewline }
  return isPlain ? cell : "\"" + cell.replacing("\"", with: "\"\"") + "\""
}

extension JSONValue {
  /// The value in a table cell: empty for null.
  var cell: String {
    switch self {
    case .integer(let integer): "\(integer)"
    case .number(let number): "\(number)"
    case .boolean(let boolean): "\(boolean)"
    case .text(let text): text
    case .list(let items): items.map(\.cell).joined(separator: " ")
    case .object, .null: ""
    }
  }
}
