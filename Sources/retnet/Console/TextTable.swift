/// A table for people that fits the terminal: if there is no room, the least important columns are dropped.
struct TextTable {
  /// A column and its heading.
  struct Column {
    let heading: String
    /// A heading shared with the column next to it, and the heading for when that column is dropped.
    var group: (shared: String, alone: String)?
    /// Whether the cells are left-aligned; otherwise they are right-aligned.
    var isText = false
    /// The higher, the sooner it is dropped; 0: never.
    var rank = 0
  }

  let columns: [Column]
  /// The rows, each with one cell per column.
  let rows: [[String]]

  /// The lines, headings first.
  ///
  /// - Parameter width: The columns of the terminal; nil: any number.
  /// - Returns: The lines, joined by newlines.
  func text(width: Int?) -> String {
    var shown = Array(columns.indices)
    while let width, self.width(shown) > width,
      let least = shown.filter({ columns[$0].rank > 0 }).max(by: { columns[$0].rank < columns[$1].rank })
    { shown.removeAll { $0 == least } }
    let widths = widths(shown)
    let lines = ([shown.map { heading($0, shown) }] + rows.map { row in shown.map { row[$0] } }).map { cells in
      zip(shown, zip(cells, widths)).map { column, cell in
        columns[column].isText ? cell.0.padded(to: cell.1) : cell.0.rightAligned(in: cell.1)
      }.joined(separator: "  ")
    }
    return ([sharedHeadings(shown, widths)].compactMap(\.self) + lines).map(\.withoutSpacesAtEnd)
      .joined(separator: "\n")
  }

  private func heading(_ column: Int, _ shown: [Int]) -> String {
    guard let group = columns[column].group, partner(column, shown) == nil else { return columns[column].heading }
    return group.alone
  }

  /// The other column of its group.
  private func partner(_ column: Int, _ shown: [Int]) -> Int? {
    guard let group = columns[column].group else { return nil }
    return shown.first { $0 != column && columns[$0].group?.shared == group.shared }
  }

  private func widths(_ shown: [Int]) -> [Int] {
    var widths = shown.map { column in
      ([heading(column, shown)] + rows.map { $0[column] }).map(\.count).max() ?? 0
    }
    // Two columns are wide enough for the heading that they share.
    for (place, column) in shown.enumerated() {
      guard let other = partner(column, shown), other < column, let group = columns[column].group,
        let before = shown.firstIndex(of: other)
      else { continue }
      widths[place] += max(0, group.shared.count - widths[before] - 2 - widths[place])
    }
    return widths
  }

  private func width(_ shown: [Int]) -> Int {
    let widths = widths(shown)
    // An empty last column takes no room.
    return widths.reduce(0, +) + 2 * (widths.filter { $0 > 0 }.count - 1)
  }

  /// The line above the headings; nil if no two columns share one.
  private func sharedHeadings(_ shown: [Int], _ widths: [Int]) -> String? {
    guard shown.contains(where: { partner($0, shown) != nil }) else { return nil }
    var line = ""
    var end = 0
    for (column, width) in zip(shown, widths) {
      end += width + (column == shown.first ? 0 : 2)
      guard let other = partner(column, shown), other < column, let group = columns[column].group else { continue }
      line = line.padded(to: max(line.count, end - group.shared.count)) + group.shared
    }
    return line
  }
}
