/// A value of a configuration key, as found in a file, in an override or in a checkpoint's metadata.
///
/// Encoded as the bare JSON value, so that `[String: ConfigurationValue]` is a flat JSON object.
package enum ConfigurationValue: Sendable, Equatable {
  /// A whole number.
  case integer(Int)
  /// A real number.
  case number(Double)
  /// `true` or `false`.
  case boolean(Bool)
  /// Any text.
  case text(String)
  /// Several texts, in order.
  case list([String])
  /// Several groups of named values, in order.
  case records([[String: ConfigurationValue]])
  /// No value: an optional key that is not set.
  case null

  /// The value of an unquoted word where no key says which type it should have.
  ///
  /// The rules are those of YAML 1.2's core schema, decimal numbers only.
  package static func guessed(from word: String) -> ConfigurationValue {
    switch word {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .boolean(true)
    case "false", "False", "FALSE": return .boolean(false)
    default: break
    }
    // `Double(_:)` alone would take "nan", "infinity" and hexadecimal digits too.
    let isDecimal = word.utf8.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-.eE".utf8.contains(byte)
    }
    guard isDecimal else { return .text(word) }
    if let integer = Int(word) { return .integer(integer) }
    if let number = Double(word) { return .number(number) }
    return .text(word)
  }

  /// The value as error messages show it: `text 'abc'`, `2.5`, `null`.
  package var described: String {
    switch self {
    case .integer, .number, .boolean, .null: yaml
    case .text(let text): "text \(quotedForMessage(text))"
    case .list(let texts): "a list of \(texts.count)"
    case .records(let records): "a list of \(records.count)"
    }
  }
}

extension ConfigurationValue: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let boolean = try? container.decode(Bool.self) {
      self = .boolean(boolean)
    } else if let integer = try? container.decode(Int.self) {
      self = .integer(integer)
    } else if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let texts = try? container.decode([String].self) {
      self = .list(texts)
    } else {
      self = .records(try container.decode([[String: ConfigurationValue]].self))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .integer(let integer): try container.encode(integer)
    case .number(let number): try container.encode(number)
    case .boolean(let boolean): try container.encode(boolean)
    case .text(let text): try container.encode(text)
    case .list(let texts): try container.encode(texts)
    case .records(let records): try container.encode(records)
    case .null: try container.encodeNil()
    }
  }
}
