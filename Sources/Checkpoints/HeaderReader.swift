/// A streaming JSON parser for safetensors headers and shard indices, which checks each value against what is expected.
///
/// It builds no tree and reads no deeper than asked. So neither nesting nor length can exhaust the stack or take more
/// than linear time. It also detects what JSON libraries hide: duplicate names, and numbers that are not plain
/// integers.
struct HeaderReader {
  /// The limit for names and types. Comparing two Swift strings can take quadratic time in runs of combining marks,
  /// which a hostile name of megabytes would exploit.
  static let nameByteLimit = 1024

  /// What the text is called in errors.
  enum Text: String {
    case header, index
  }

  private let bytes: [UInt8]
  private let path: String
  private let text: Text
  /// The position of the next byte to read, from the start of the text.
  private(set) var position = 0

  init(_ bytes: [UInt8], path: String, text: Text = .header) {
    self.bytes = bytes
    self.path = path
    self.text = text
  }

  /// Reads `{ name: value, … }` and passes each name with its position to a closure, which must read the value.
  mutating func readObject(
    _ expected: String,
    _ readValue: (inout HeaderReader, _ name: String, _ position: Int) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    try read("{", expected)
    if take("}") { return }
    repeat {
      skipSpace()
      let namePosition = position
      let name = try readString("a name in quotation marks", byteLimit: Self.nameByteLimit)
      try read(":", "':'")
      try readValue(&self, name, namePosition)
    } while take(",")
    try read("}", "',' or '}'")
  }

  /// Reads `[ integer, … ]`.
  mutating func readIntegers(_ expected: String) throws(CheckpointError) -> [Int] {
    var integers: [Int] = []
    try read("[", expected)
    if take("]") { return [] }
    repeat { integers.append(try readInteger()) } while take(",")
    try read("]", "',' or ']'")
    return integers
  }

  /// Reads an integer: no sign, fraction, exponent or leading zero, and less than 2^63.
  mutating func readInteger() throws(CheckpointError) -> Int {
    skipSpace()
    let start = position
    var value = 0
    var isExact = true
    while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
      let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tenfold.addingReportingOverflow(Int(byte - UInt8(ascii: "0")))
      isExact = isExact && !overflow && !carry
      value = sum
      position += 1
    }
    let hasNeedlessZero = position - start > 1 && bytes[start] == UInt8(ascii: "0")
    let goesOn = next.map { ".eE+-".utf8.contains($0) } ?? false
    guard position > start, isExact, !hasNeedlessZero, !goesOn else {
      throw failure("an integer from 0 to \(Int.max)", at: start)
    }
    return value
  }

  /// Reads a string and decodes its escapes; it must be UTF-8 and at most `byteLimit` bytes long.
  mutating func readString(_ expected: String, byteLimit: Int = .max) throws(CheckpointError) -> String {
    try read("\"", expected)
    let start = position
    var decoded: [UInt8] = []
    var plainStart = position
    while let byte = next, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw failure("an escape for a control character", at: position) }
      position += 1
      if byte == UInt8(ascii: "\\") {
        decoded += bytes[plainStart..<position - 1]
        decoded += try readEscape()
        plainStart = position
      }
    }
    decoded += bytes[plainStart..<position]
    try read("\"", "a closing quotation mark")
    guard decoded.count <= byteLimit else {
      throw failure("at most \(byteLimit) bytes", at: start, found: "\(decoded.count)")
    }
    guard let string = String(validating: decoded, as: UTF8.self) else {
      throw failure("UTF-8", at: start, found: "other bytes")
    }
    return string
  }

  /// Skips a value of any kind; its inner structure is not checked.
  mutating func skipValue() throws(CheckpointError) {
    var depth = 0
    repeat {
      skipSpace()
      let start = position
      switch next {
      case UInt8(ascii: "\""): _ = try readString("a string")
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: ","), UInt8(ascii: ":"): break
      default:
        while let byte = next, Self.isWordByte(byte) { position += 1 }
        guard position > start else { throw failure("a value", at: start) }
      }
      guard depth >= 0 else { throw failure("a value", at: start) }
      if position == start { position += 1 }
    } while depth > 0
  }

  // The characters of numbers, true, false and null.
  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"): true
    default: false
    }
  }

  /// Checks that the first byte is `{`, which distinguishes a header from other files.
  func checkBeginning() throws(CheckpointError) {
    guard next == UInt8(ascii: "{") else { throw failure("'{'", at: position) }
  }

  /// Checks that only white space is left.
  mutating func readEnd() throws(CheckpointError) {
    skipSpace()
    guard next == nil else { throw failure("white space up to the end of the \(text)", at: position) }
  }

  /// The error for a duplicate name in an object.
  func duplicate(_ name: String, at position: Int) -> CheckpointError {
    failure("each name once", at: position, found: "\(quoted(name)) again")
  }

  /// An error at a position of the text; by default, what was found is the token there.
  func failure(_ expected: String, at position: Int, found: String? = nil) -> CheckpointError {
    let found = found ?? excerpt(at: position)
    return switch text {
    case .header:
      .header(
        path: path, byte: SafetensorsHeader.prefixByteCount + position, expected: expected, found: found)
    case .index:
      .index(path: path, byte: position, expected: expected, found: found)
    }
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func read(_ character: Unicode.Scalar, _ expected: String) throws(CheckpointError) {
    guard take(character) else { throw failure(expected, at: position) }
  }

  // RFC 8259 §7: what may follow a backslash.
  private mutating func readEscape() throws(CheckpointError) -> [UInt8] {
    let start = position - 1
    position += 1
    switch position <= bytes.count ? bytes[position - 1] : 0 {
    case UInt8(ascii: "\""): return [0x22]
    case UInt8(ascii: "\\"): return [0x5C]
    case UInt8(ascii: "/"): return [0x2F]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"):
      var units = readCodeUnit().map { [$0] } ?? []
      if let unit = units.first, UTF16.isLeadSurrogate(unit), position + 1 < bytes.count,
        bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "u")
      {
        position += 2
        if let second = readCodeUnit() { units.append(second) }
      }
      guard !units.isEmpty, let text = String(validating: units, as: UTF16.self) else {
        throw failure("four hexadecimal digits that stand for a character", at: start)
      }
      return Array(text.utf8)
    default:
      throw failure("a JSON escape", at: start)
    }
  }

  private mutating func readCodeUnit() -> UInt16? {
    guard position + 4 <= bytes.count else { return nil }
    var unit: UInt16 = 0
    for byte in bytes[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      unit = unit << 4 | UInt16(digit)
    }
    position += 4
    return unit
  }

  private func excerpt(at position: Int) -> String {
    guard position < bytes.count else { return "the end of the \(text)" }
    let rest = bytes[position...]
    let token = rest.prefix(24).prefix { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") }
    if token.isEmpty { return "byte 0x" + (rest[position] < 16 ? "0" : "") + String(rest[position], radix: 16) }
    return quoted(String(decoding: token, as: UTF8.self))
  }
}
