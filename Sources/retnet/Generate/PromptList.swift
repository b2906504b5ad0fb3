internal import Configurations
internal import Files

/// Reads the prompts of a JSON lines file, one after the other.
struct PromptList {
  /// One line of the file.
  struct Entry {
    let index: Int
    let place: String
    let prompt: String
    let id: JSONValue?
    let count: Int?
    let seed: UInt64?
    /// The number of tokens in the prompt, once it is read.
    var tokens = 0
  }

  private let path: String
  private let lines: [ArraySlice<UInt8>]
  private var line = 0
  private var index = 0

  /// - Throws: `FileError` if the file cannot be read.
  init(path: String) throws {
    try FileRole.prompts.check(path)
    self.path = StreamPath.inputName(path)
    lines = try readAll(path: path, byteLimit: 1 << 30)
      .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
  }

  /// The next prompt; nil at the end. Empty lines are skipped.
  ///
  /// - Throws: `CommandError` for a line that is not a valid object.
  mutating func next() throws -> Entry? {
    while line < lines.count {
      let text = lines[line]
      line += 1
      if text.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) { continue }
      let place = "\(path): line \(line)"
      let entry = try Self.entry(Array(text), place: place, index: index)
      index += 1
      return entry
    }
    return nil
  }

  private static func entry(_ text: [UInt8], place: String, index: Int) throws -> Entry {
    func refusal(_ expected: String, _ found: String) -> CommandError {
      CommandError(
        .badData, "\(place): expected \(expected), found \(found)",
        hint: "a line is {\"prompt\": text}; optional: \"id\": text or integer, \"n\": integer, \"seed\": integer")
    }
    let members: [String: Found]
    do {
      members = try decodedJSON([String: Found].self, from: text)
    } catch {
      let found = try? decodedJSON(Found.self, from: text)
      throw refusal("a JSON object", found?.words ?? "invalid JSON")
    }
    func member<Value>(_ key: String, _ expected: String, _ value: (Found) -> Value?) throws -> Value? {
      guard let found = members[key], found != .null else { return nil }
      guard let value = value(found) else { throw refusal("\(expected) for '\(key)'", found.words) }
      return value
    }
    guard let prompt = try member("prompt", "text", { $0.text }) else {
      throw refusal("an object with 'prompt'", members["prompt"] == nil ? "one without it" : "null")
    }
    if let key = members.keys.sorted().first(where: { !["prompt", "id", "n", "seed"].contains($0) }) {
      throw refusal("the keys prompt, id, n and seed", "'\(key)'")
    }
    return Entry(
      index: index, place: place, prompt: prompt,
      id: try member("id", "text or an integer") { found in
        found.text.map { .text($0) } ?? found.integer.flatMap { Int(exactly: $0) }.map { .integer($0) }
      },
      count: try member("n", "an integer of at least -1") { found in
        found.integer.flatMap { Int(exactly: $0) }.flatMap { $0 == -1 ? .max : $0 >= 0 ? $0 : nil }
      },
      seed: try member("seed", "an integer from 0 to 18446744073709551615") { found in
        found.integer.flatMap { UInt64(exactly: $0) }
      })
  }
}

/// A JSON value of any type in a line.
private enum Found: Decodable, Equatable {
  case text(String)
  case integer(Int128)
  case number(Double)
  case boolean(Bool)
  case list
  case object
  case null

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let flag = try? value.decode(Bool.self) {
      self = .boolean(flag)
    } else if let number = try? value.decode(Int.self) {
      self = .integer(Int128(number))
    } else if let number = try? value.decode(UInt64.self) {
      self = .integer(Int128(number))
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else {
      // A number that is none of these is out of range for all of them.
      let isObject = (try? value.decode([String: Found].self)) != nil
      self = (try? decoder.unkeyedContainer()) != nil ? .list : isObject ? .object : .number(.infinity)
    }
  }

  var text: String? {
    if case .text(let text) = self { text } else { nil }
  }

  var integer: Int128? {
    if case .integer(let number) = self { number } else { nil }
  }

  /// The value as messages show it.
  var words: String {
    switch self {
    case .text(let text): "the text \"\(text.prefix(40))\""
    case .integer(let number): "\(number)"
    case .number(let number): "\(number)"
    case .boolean(let flag): "\(flag)"
    case .list: "a list"
    case .object: "an object"
    case .null: "null"
    }
  }
}
