/// A table for people that fits the terminal: the columns that matter least are left out where there is no room.
struct TextTable {
  /// A column and its heading.
  struct Column {
    let heading: String
    /// A heading that it shares with the column beside it, and the one that it has when that column is left out.
    var group: (shared: String, alone: String)?
    /// Whether the cells begin together, otherwise they end together.
    var isText = false
    /// The higher, the sooner it is left out; 0: never.
    var rank = 0
  }

  let columns: [Column]
  /// As many cells in each as there are columns.
  let rows: [[String]]

  /// The lines, headings first.
  ///
  /// - Parameter width: Columns of the terminal; nil: any number.
  /// - Returns: Joined by newlines.
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
    // Two columns have room for the heading that they share.
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

  /// The line above the headings; nil where no two columns share one.
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
