/// Text in the forms that a file of the report needs; also hostile text stays text.
extension [UInt8] {
  mutating func append(_ text: String) { append(contentsOf: text.utf8) }

  /// Appends a JSON string. What could end a script of a web page, or a line of JavaScript, is written as `\uXXXX`.
  mutating func append(json text: String) {
    append("\"")
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": append("\\\"")
      case "\\": append("\\\\")
      case "\n": append("\\n")
      case "<", ">", "&", "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
      default: append(String(scalar))
      }
    }
    append("\"")
  }

  /// Appends text to a web page. A page cannot hold most control characters, so their pictures stand for them.
  mutating func append(html text: String) {
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": append("&amp;")
      case "<": append("&lt;")
      case ">": append("&gt;")
      case "\"": append("&quot;")
      case "'": append("&#39;")
      case "\t", "\n": append(String(scalar))
      case "\u{0}"..."\u{1F}": append(picture(0x2400 + scalar.value))
      case "\u{7F}": append(picture(0x2421))
      // Control characters, and code points that are no characters.
      case "\u{80}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": append(picture(0xFFFD))
      default: append(String(scalar))
      }
    }
  }

  private func picture(_ value: UInt32) -> String { Unicode.Scalar(value).map { String($0) } ?? "" }
}
