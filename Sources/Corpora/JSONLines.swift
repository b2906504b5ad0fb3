internal import FoundationEssentials

/// Extracts the text from one line of a JSON lines file.
///
/// - Parameters:
///   - record: A JSON object.
///   - field: The name of its field that holds the text.
///   - path: The path to name in errors.
///   - line: The number of the line, from 1.
/// - Returns: The text as UTF-8.
/// - Throws: `CorpusError.invalidRecord`.
func jsonText(_ record: Span<UInt8>, field: String, path: String, line: Int) throws(CorpusError) -> [UInt8] {
  do {
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
    text = try decoder.container(keyedBy: FieldName.self).decode(String.self, forKey: FieldName(stringValue: field))
  }
}

private struct FieldName: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
