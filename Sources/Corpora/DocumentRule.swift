/// How a text file is split into documents.
///
/// Separators belong to no document, and empty documents are skipped.
package enum DocumentRule: Equatable, Sendable {
  /// The whole file is one document.
  case file
  /// Each line is a document, without its line end (LF or CR LF).
  case line
  /// One or more blank lines (only spaces, tabs and carriage returns) separate documents.
  case blankLine
  /// The given bytes separate documents, wherever they occur; not empty.
  case separator(String)
  /// Each line is a JSON object; the field of this name holds the text.
  case jsonLines(field: String)

  /// Parses `file`, `line`, `blank-line` or `separator:STR`; nil for anything else.
  ///
  /// - Parameter argument: The value as given on the command line.
  package init?(argument: String) {
    switch argument {
    case "file": self = .file
    case "line": self = .line
    case "blank-line": self = .blankLine
    default:
      let prefix = "separator:"
      guard argument.hasPrefix(prefix), argument != prefix else { return nil }
      self = .separator(String(argument.dropFirst(prefix.count)))
    }
  }

  /// The rule as it is given on the command line; JSON lines by their field.
  package var argument: String {
    switch self {
    case .file: "file"
    case .line: "line"
    case .blankLine: "blank-line"
    case .separator(let bytes): "separator:\(bytes)"
    case .jsonLines(let field): "jsonl-field:\(field)"
    }
  }
}
