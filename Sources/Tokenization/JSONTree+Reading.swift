extension JSONTree {
  /// Reads a JSON text.
  ///
  /// - Parameter text: One value in UTF-8, which is not trusted. Numbers without a fraction become integers.
  /// - Throws: `ModelProblem` with the byte offset.
  package init(reading text: [UInt8]) throws(ModelProblem) {
    if let broken = firstInvalidUTF8(text.span) {
      throw ModelProblem("byte offset \(broken.lowerBound): expected UTF-8, found other bytes")
    }
    var reader = JSONReader(text)
    self = try reader.document()
  }

  /// A member of an object; nil if there is none, or for another kind of value.
  subscript(_ name: String) -> JSONTree? {
    guard case .object(let members) = self else { return nil }
    let key = Array(name.utf8)
    return members.last { $0.key == key }?.value
  }

  /// The text of a string, for names and messages.
  var string: String? {
    guard case .text(let bytes) = self else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  var list: [JSONTree]? {
    guard case .list(let items) = self else { return nil }
    return items
  }

  var flag: Bool? {
    guard case .boolean(let flag) = self else { return nil }
    return flag
  }

  var isNull: Bool {
    guard case .null = self else { return false }
    return true
  }
}

/// Parses JSON (RFC 8259) whose bytes are valid UTF-8.
private struct JSONReader {
  private let text: [UInt8]
  private var position = 0

  // Each level of nesting is a call on the stack.
  private static let depthLimit = 64

  init(_ text: [UInt8]) { self.text = text }

  mutating func document() throws(ModelProblem) -> JSONTree {
    let value = try value(depth: 0)
    skipSpace()
    guard position == text.count else { throw problem("the end") }
    return value
  }

  private func problem(_ expected: String) -> ModelProblem {
    ModelProblem("JSON, byte offset \(position): expected \(expected)")
  }

  private mutating func skipSpace() {
    while position < text.count {
      switch text[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  private mutating func takes(_ character: Unicode.Scalar) -> Bool {
    guard position < text.count, text[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(ModelProblem) -> JSONTree {
    guard depth < Self.depthLimit else { throw problem("at most \(Self.depthLimit) levels") }
    skipSpace()
    guard position < text.count else { throw problem("a value") }
    switch text[position] {
    case UInt8(ascii: "{"): return try object(depth)
    case UInt8(ascii: "["): return try list(depth)
    case UInt8(ascii: "\""): return .text(try string())
    case UInt8(ascii: "t"): return try word("true", .boolean(true))
    case UInt8(ascii: "f"): return try word("false", .boolean(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func word(_ word: String, _ value: JSONTree) throws(ModelProblem) -> JSONTree {
    guard text[position...].starts(with: word.utf8) else { throw problem("a value") }
    position += word.utf8.count
    return value
  }

  private mutating func object(_ depth: Int) throws(ModelProblem) -> JSONTree {
    var members: [(key: [UInt8], value: JSONTree)] = []
    position += 1
    skipSpace()
    if takes("}") { return .object([]) }
    repeat {
      skipSpace()
      let key = try string()
      skipSpace()
      guard takes(":") else { throw problem("':'") }
      members.append((key, try value(depth: depth + 1)))
      skipSpace()
    } while takes(",")
    guard takes("}") else { throw problem("',' or '}'") }
    return .object(members)
  }

  private mutating func list(_ depth: Int) throws(ModelProblem) -> JSONTree {
    var items: [JSONTree] = []
    position += 1
    skipSpace()
    if takes("]") { return .list([]) }
    repeat {
      items.append(try value(depth: depth + 1))
      skipSpace()
    } while takes(",")
    guard takes("]") else { throw problem("',' or ']'") }
    return .list(items)
  }

  private mutating func number() throws(ModelProblem) -> JSONTree {
    let end = text[position...].firstIndex { !"+-.0123456789Ee".utf8.contains($0) } ?? text.endIndex
    let digits = String(decoding: text[position..<end], as: UTF8.self)
    guard let first = digits.utf8.first, first == UInt8(ascii: "-") || (48...57).contains(first) else {
      throw problem("a value")
    }
    let found: JSONTree
    if let number = Int(digits) {
      found = .integer(number)
    } else if let number = Double(digits), number.isFinite {
      found = .number(number)
    } else {
      throw problem("a number")
    }
    position = end
    return found
  }

  private mutating func string() throws(ModelProblem) -> [UInt8] {
    guard takes("\"") else { throw problem("'\"'") }
    var bytes: [UInt8] = []
    while position < text.count {
      let byte = text[position]
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return bytes
      case UInt8(ascii: "\\"): bytes += String(try escape()).utf8
      case 0..<0x20: throw problem("an escaped control character")
      default:
        bytes.append(byte)
        position += 1
      }
    }
    throw problem("'\"'")
  }

  private mutating func escape() throws(ModelProblem) -> Unicode.Scalar {
    position += 1
    guard position < text.count else { throw problem("an escape") }
    let plain: Unicode.Scalar? =
      switch text[position] {
      case UInt8(ascii: "\""): "\""
      case UInt8(ascii: "\\"): "\\"
      case UInt8(ascii: "/"): "/"
      case UInt8(ascii: "b"): "\u{8}"
      case UInt8(ascii: "f"): "\u{C}"
      case UInt8(ascii: "n"): "\n"
      case UInt8(ascii: "r"): "\r"
      case UInt8(ascii: "t"): "\t"
      default: nil
      }
    if let plain {
      position += 1
      return plain
    }
    let unit = try codeUnit()
    if let character = Unicode.Scalar(unit) { return character }
    guard (0xD800..<0xDC00).contains(unit), takes("\\") else { throw problem("a pair of surrogates") }
    let low = try codeUnit()
    guard (0xDC00..<0xE000).contains(low),
      let character = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
    else { throw problem("a pair of surrogates") }
    return character
  }

  /// The four digits behind `u`.
  private mutating func codeUnit() throws(ModelProblem) -> UInt32 {
    guard takes("u") else { throw problem("an escape") }
    let digits = text[position...].prefix(4)
    // The parser would accept a sign.
    guard digits.count == 4, digits.first != UInt8(ascii: "+"),
      let unit = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw problem("four hexadecimal digits") }
    position += 4
    return unit
  }
}
