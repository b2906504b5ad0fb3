/// Wraps text at the width of the terminal.
extension String {
  /// The lines of the text, wrapped between words at the terminal's width.
  ///
  /// A longer word stays whole: a broken digest could not be copied.
  ///
  /// - Parameters:
  ///   - width: The columns; nil: any number.
  ///   - indent: The indent of continuation lines.
  /// - Returns: The lines, joined by newlines.
  package func wrapped(to width: Int?, indent: String = "  ") -> String {
    guard let width else { return self }
    // On a narrow terminal a deep indent would leave no room.
    let indent = 2 * indent.count > width ? String(indent.prefix(2)) : indent
    return split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.count <= width ? String(line) : Self.broken(line, to: width, indent)
    }.joined(separator: "\n")
  }

  private static func broken(_ line: Substring, to width: Int, _ indent: String) -> String {
    var lines: [String] = []
    var rest = String(line)
    while rest.count > width {
      // A line is not broken at its leading spaces.
      let start = rest.prefix { $0 == " " }.count + (lines.isEmpty ? 0 : indent.drop { $0 == " " }.count)
      let head = rest.prefix(width + 1)
      let place =
        head.indices.last { rest[$0] == " " && rest.distance(from: rest.startIndex, to: $0) > start }
        ?? rest.indices.first { rest[$0] == " " && rest.distance(from: rest.startIndex, to: $0) > start }
      guard let place else { break }
      lines.append(rest[..<place].withoutSpacesAtEnd)
      rest = indent + rest[place...].drop { $0 == " " }
    }
    return (lines + [rest]).joined(separator: "\n")
  }

  /// Padded with spaces on the right.
  func padded(to width: Int) -> String { self + spaces(upTo: width) }

  /// Padded with spaces on the left.
  func rightAligned(in width: Int) -> String { spaces(upTo: width) + self }

  private func spaces(upTo width: Int) -> String { String(repeating: " ", count: max(0, width - count)) }
}

extension StringProtocol {
  var withoutSpacesAtEnd: String { String(reversed().drop { $0 == " " }.reversed()) }
}
