/// A JSON value whose texts are UTF-8 bytes.
///
/// Pieces of a vocabulary may be canonically equivalent, such as a precomposed and a decomposed é. Foundation's encoder
/// takes such keys of one object for the same, as it compares strings.
package indirect enum JSONTree {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case text([UInt8])
  case list([JSONTree])
  /// Members in this order.
  case object([(key: [UInt8], value: JSONTree)])

  static func text(_ text: String) -> JSONTree { .text(Array(text.utf8)) }

  static func object(_ members: KeyValuePairs<String, JSONTree>) -> JSONTree {
    .object(members.map { (Array($0.key.utf8), $0.value) })
  }

  /// The value in UTF-8, a member or element on each line down to a depth, and a newline at the end.
  ///
  /// - Parameter depth: Values nested deeper than this stay on one line.
  /// - Returns: The bytes of the text.
  func utf8(depth: Int = 8) -> [UInt8] {
    var bytes: [UInt8] = []
    append(to: &bytes, level: 0, depth: depth)
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }

  private func append(to bytes: inout [UInt8], level: Int, depth: Int) {
    switch self {
    case .null: bytes += "null".utf8
    case .boolean(let flag): bytes += (flag ? "true" : "false").utf8
    case .integer(let number): bytes += String(number).utf8
    case .number(let number): bytes += "\(number)".utf8
    case .text(let text): Self.append(text, to: &bytes)
    case .list(let items):
      Self.append(items, "[", "]", to: &bytes, level, depth) { $1.append(to: &$0, level: level + 1, depth: depth) }
    case .object(let members):
      Self.append(members, "{", "}", to: &bytes, level, depth) { bytes, member in
        Self.append(member.key, to: &bytes)
        bytes += ": ".utf8
        member.value.append(to: &bytes, level: level + 1, depth: depth)
      }
    }
  }

  private static func append<Item>(
    _ items: [Item], _ open: String, _ close: String, to bytes: inout [UInt8], _ level: Int, _ depth: Int,
    _ append: (inout [UInt8], Item) -> Void
  ) {
    func newline(_ level: Int) -> [UInt8] {
      level <= depth ? [UInt8(ascii: "\n")] + Array(repeating: UInt8(ascii: " "), count: level) : []
    }
    bytes += open.utf8
    for (index, item) in items.enumerated() {
      if index > 0 { bytes += (level < depth ? "," : ", ").utf8 }
      bytes += newline(level + 1)
      append(&bytes, item)
    }
    if !items.isEmpty, level < depth { bytes += newline(level) }
    bytes += close.utf8
  }

  private static func append(_ text: [UInt8], to bytes: inout [UInt8]) {
    let digits = Array("0123456789abcdef".utf8)
    bytes.append(UInt8(ascii: "\""))
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0..<0x20: bytes += "\\u00".utf8 + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
