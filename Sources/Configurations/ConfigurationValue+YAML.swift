/// Writes configuration values as YAML.
extension ConfigurationValue {
  /// The value as one line of YAML that every YAML reader parses back to the same value.
  ///
  /// Numbers have the fewest digits that give the same bits back. Text is quoted unless it is a plain word or path.
  package var yaml: String {
    switch self {
    case .integer(let integer): String(integer)
    case .number(let number): Self.yaml(number)
    case .boolean(let boolean): boolean ? "true" : "false"
    case .text(let text): Self.yaml(text)
    case .list(let texts): "[" + texts.map(Self.yaml).joined(separator: ", ") + "]"
    case .records(let records): "[" + records.map(Self.yaml).joined(separator: ", ") + "]"
    case .null: "null"
    }
  }

  private static func yaml(_ record: [String: ConfigurationValue]) -> String {
    let pairs = record.sorted { $0.key < $1.key }.map { "\(yaml($0.key)): \($0.value.yaml)" }
    return "{" + pairs.joined(separator: ", ") + "}"
  }

  private static func yaml(_ number: Double) -> String {
    if number.isNaN { return ".nan" }
    if number.isInfinite { return number < 0 ? "-.inf" : ".inf" }
    let digits = number.description
    // YAML 1.1 readers such as PyYAML parse "1e-05" as text: the mantissa needs a decimal point.
    guard let exponent = digits.firstIndex(of: "e"), !digits.contains(".") else { return digits }
    return digits[..<exponent] + ".0" + digits[exponent...]
  }

  private static func yaml(_ text: String) -> String {
    isPlain(text) ? text : "\"" + text.unicodeScalars.map(escaped).joined() + "\""
  }

  /// Whether the text can stand unquoted: a word or a path that no reader parses as a number, a boolean or null.
  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.utf8.first, isWordByte(first), first != UInt8(ascii: "-") else { return false }
    guard text.utf8.allSatisfy(isWordByte), Double(text) == nil else { return false }
    let holdsOnlyNumberSigns = text.utf8.allSatisfy { (0x30...0x39).contains($0) || "._-".utf8.contains($0) }
    let reserved = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", ".nan", ".inf"]
    return !holdsOnlyNumberSigns && !reserved.contains(text.lowercased()) && !text.lowercased().hasPrefix("0x")
      && !text.lowercased().hasPrefix("0o")
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "_./-".utf8.contains(byte)
    }
  }

  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\"": "\\\""
    case "\\": "\\\\"
    case "\n": "\\n"
    case "\t": "\\t"
    case "\r": "\\r"
    default: isPrintable(scalar) ? String(scalar) : hexadecimalEscape(of: scalar)
    }
  }

  // YAML 1.1 allows fewer characters than Unicode has. Line breaks other than "\n" would be folded.
  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD, 0x1_0000...0x10_FFFF: true
    default: false
    }
  }

  private static func hexadecimalEscape(of scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
  }
}
