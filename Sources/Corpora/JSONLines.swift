internal import Configurations
internal import FoundationEssentials

extension TextReader {
  /// Passes each line of a JSON lines text that is not blank to a closure.
  ///
  /// - Parameter body: Receives the line, without its newline, and its number from 1.
  /// - Throws: The errors of `next`, and what the closure throws.
  package func forEachRecord(_ body: (Span<UInt8>, Int) throws -> Void) throws {
    var number = 1
    func take(_ line: Span<UInt8>) throws {
      defer { number += 1 }
      if !line.isBlank { try body(line, number) }
    }
    var open: [UInt8] = []
    while let block = try next() {
      var start = 0
      while let end = block[start...].firstIndex(of: UInt8(ascii: "\n")) {
        if open.isEmpty {
          try take(block.span.extracting(start..<end))
        } else {
          open += block[start..<end]
          try take(open.span)
          open.removeAll(keepingCapacity: true)
        }
        start = end + 1
      }
      open += block[start...]
    }
    if !open.isEmpty { try take(open.span) }
  }
}

extension Span<UInt8> {
  /// The bytes as an array.
  package var copied: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    for index in indices { bytes.append(self[index]) }
    return bytes
  }

  /// Whether there are only spaces, tabs and carriage returns.
  fileprivate var isBlank: Bool {
    for index in indices where !isBlankByte(self[index]) { return false }
    return true
  }
}

/// Extracts the text from one line of a JSON lines file.
///
/// - Parameters:
///   - record: A JSON object.
///   - field: The name of its field that holds the text; `meta.text` is the field `text` of the object in `meta`. Where
///     a name itself has dots, the longest one that is there counts.
///   - path: The path to name in errors.
///   - line: The number of the line, from 1.
/// - Returns: The text as UTF-8.
/// - Throws: `CorpusError.invalidRecord`.
func jsonText(_ record: Span<UInt8>, field: String, path: String, line: Int) throws(CorpusError) -> [UInt8] {
  do {
    try checkNesting(ofJSON: record.copied)
    return Array(try JSONDecoder().decode(Record.self, from: Data(record.copied), configuration: field).text.utf8)
  } catch {
    let reason =
      switch error {
      case DecodingError.keyNotFound: "an object without it"
      case DecodingError.valueNotFound: "null in it"
      case DecodingError.typeMismatch: "another type"
      default: "invalid JSON"
      }
    throw .invalidRecord(path: path, line: line, field: field, reason: reason)
  }
}

private struct Record: DecodableWithConfiguration {
  let text: String

  init(from decoder: any Decoder, configuration field: String) throws {
    var object = try decoder.container(keyedBy: FieldName.self)
    var path = field[...]
    while let name = object.longestName(path), name != path {
      object = try object.nestedContainer(keyedBy: FieldName.self, forKey: FieldName(stringValue: String(name)))
      path = path[name.endIndex...].dropFirst()
    }
    text = try object.decode(String.self, forKey: FieldName(stringValue: String(path)))
  }
}

extension KeyedDecodingContainer<FieldName> {
  /// The longest beginning of a path, up to a dot or its end, that names a field; nil if there is none.
  fileprivate func longestName(_ path: Substring) -> Substring? {
    var name = path
    while !contains(FieldName(stringValue: String(name))) {
      guard let dot = name.lastIndex(of: ".") else { return nil }
      name = path[..<dot]
    }
    return name
  }
}

private struct FieldName: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
