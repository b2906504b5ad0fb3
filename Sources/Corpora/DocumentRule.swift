/// How a text file falls into documents.
///
/// What separates documents belongs to none of them, and empty documents are skipped.
package enum DocumentRule: Equatable, Sendable {
  /// The whole file is one document.
  case file
  /// Each line is one, without its line end, LF or CR LF.
  case line
  /// One or more blank lines (nothing but spaces, tabs and carriage returns) separate them.
  case blankLine
  /// The given bytes separate them, wherever they occur; not empty.
  case separator(String)
  /// Each line is a JSON object, and the field of this name holds the text.
  case jsonLines(field: String)

  /// Reads `file`, `line`, `blank-line` or `separator:STR`; nil for anything else.
  ///
  /// - Parameter argument: As on the command line.
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
}
