internal import Files
internal import FoundationEssentials

/// The prompts of a JSON lines file, one after the other.
struct PromptList {
  /// One line.
  struct Entry {
    let index: Int
    let place: String
    let prompt: String
    let id: JSONValue?
    let count: Int?
    let seed: UInt64?
    /// Of the prompt, once it is read.
    var tokens = 0
  }

  private let path: String
  private let lines: [ArraySlice<UInt8>]
  private var line = 0
  private var index = 0

  /// - Throws: `FileError` when the file cannot be read.
  init(path: String) throws {
    try FileRole.prompts.check(path)
    self.path = StreamPath.inputName(path)
    lines = try readAll(path: path, byteLimit: 1 << 30)
      .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
  }

  /// The next prompt; nil at the end. Empty lines are passed over.
  ///
  /// - Throws: `CommandError` for a line that is no such object.
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
      CommandError(.badData, "\(place): expected \(expected), found \(found)")
    }
    let record: Record
    do {
      record = try JSONDecoder().decode(Record.self, from: Data(text))
    } catch DecodingError.keyNotFound {
      throw refusal("an object with 'prompt'", "one without it")
    } catch DecodingError.typeMismatch(_, let context) {
      throw refusal(
        "{\"prompt\": text, \"id\": text or integer, \"n\": integer, \"seed\": integer}",
        context.codingPath.last.map { "another type for '\($0.stringValue)'" } ?? "no object")
    } catch {
      throw refusal("a JSON object", "something else")
    }
    if let key = record.unknownKey { throw refusal("the keys prompt, id, n and seed", "'\(key)'") }
    if let count = record.count, count < 0 { throw refusal("'n' of at least 0", "\(count)") }
    return Entry(
      index: index, place: place, prompt: record.prompt, id: record.id, count: record.count, seed: record.seed)
  }
}

/// A line as JSON.
private struct Record: Decodable {
  let prompt: String
  let id: JSONValue?
  let count: Int?
  let seed: UInt64?
  let unknownKey: String?

  struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    let known = ["prompt", "id", "n", "seed"]
    unknownKey = values.allKeys.map(\.stringValue).sorted().first { !known.contains($0) }
    prompt = try values.decode(String.self, forKey: Key(stringValue: "prompt"))
    let key = Key(stringValue: "id")
    if let number = try? values.decode(Int.self, forKey: key) {
      id = .integer(number)
    } else {
      id = try values.decodeIfPresent(String.self, forKey: key).map { .text($0) }
    }
    count = try values.decodeIfPresent(Int.self, forKey: Key(stringValue: "n"))
    seed = try values.decodeIfPresent(UInt64.self, forKey: Key(stringValue: "seed"))
  }
}
