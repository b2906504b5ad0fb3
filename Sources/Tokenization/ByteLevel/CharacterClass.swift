/// What the patterns of pre-tokenizers distinguish.
///
/// The classes are those of the regular expressions in PyPI's `tokenizers` 0.23, whose tables are of Unicode 16. Letters
/// of later versions are `other` there.
enum CharacterClass {
  /// `\p{L}`.
  case letter
  /// `\p{N}`.
  case number
  /// `\s`.
  case space
  case other

  init(_ character: Unicode.Scalar) {
    if character.isASCII {
      switch UInt8(character.value) {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): self = .letter
      case UInt8(ascii: "0")...UInt8(ascii: "9"): self = .number
      case 0x20, 0x09...0x0D: self = .space
      default: self = .other
      }
      return
    }
    let properties = character.properties
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      self = Self.isKnown(properties) ? .letter : .other
    case .decimalNumber, .letterNumber, .otherNumber: self = Self.isKnown(properties) ? .number : .other
    default: self = properties.isWhitespace ? .space : .other
    }
  }

  private static func isKnown(_ properties: Unicode.Scalar.Properties) -> Bool {
    guard let age = properties.age else { return false }
    return age.major <= 16
  }
}

/// The character that starts at a byte.
///
/// - Parameters:
///   - index: The index of its first byte.
///   - text: Valid UTF-8.
/// - Returns: The character; the index after it.
func character(at index: Int, in text: Span<UInt8>) -> (Unicode.Scalar, end: Int) {
  let lead = UInt32(text[index])
  func tail(_ offset: Int) -> UInt32 { UInt32(text[index + offset] & 0x3F) }
  func scalar(_ value: UInt32) -> Unicode.Scalar { Unicode.Scalar(value) ?? "\u{FFFD}" }
  if lead < 0x80 { return (scalar(lead), index + 1) }
  if lead < 0xE0 { return (scalar((lead & 0x1F) << 6 | tail(1)), index + 2) }
  if lead < 0xF0 { return (scalar((lead & 0x0F) << 12 | tail(1) << 6 | tail(2)), index + 3) }
  return (scalar((lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3)), index + 4)
}
