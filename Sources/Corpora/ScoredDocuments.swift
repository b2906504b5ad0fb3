internal import Configurations
internal import Files

/// How the JSON objects of a file become documents of which only a part is scored.
package enum ScoredDocumentRule: Equatable, Sendable {
  /// Two text fields: the tokens of the first are not scored.
  case prompt(field: String, completion: String)
  /// A field with a list of objects, each with `role` and `content`; only answers are scored.
  case chat(field: String, ChatTemplate)

  /// The parts of a document.
  ///
  /// - Parameters:
  ///   - record: A JSON object.
  ///   - path: The path to name in errors.
  ///   - line: The number of the line, from 1.
  /// - Returns: At least one part with text.
  /// - Throws: `CorpusError.invalidConversation`.
  func parts(_ record: Span<UInt8>, path: String, line: Int) throws(CorpusError) -> [DocumentPart] {
    func failure(_ reason: String) -> CorpusError { .invalidConversation(path: path, line: line, reason: reason) }
    let object: JSONContent
    do {
      object = try decodedJSON(JSONContent.self, from: record.copied)
    } catch {
      throw failure("expected a JSON object, found invalid JSON")
    }
    func text(_ field: String) throws(CorpusError) -> String {
      guard let text = object[path: field]?.plainText else {
        throw failure("field '\(field)': expected text, found \(object[path: field]?.kind ?? "none")")
      }
      return text
    }
    switch self {
    case .prompt(let prompt, let completion):
      let parts = [
        DocumentPart(try text(prompt), isScored: false), DocumentPart(try text(completion), isScored: true),
      ]
      guard !parts[1].text.isEmpty else { throw failure("field '\(completion)': expected text, found an empty one") }
      return parts.filter { !$0.text.isEmpty }
    case .chat(let field, let template):
      guard case .list(let list)? = object[path: field] else {
        throw failure("field '\(field)': expected a list of messages, found \(object[path: field]?.kind ?? "none")")
      }
      var messages: [ChatMessage] = []
      for (index, message) in list.enumerated() {
        guard let role = message["role"]?.plainText, let content = message["content"]?.plainText else {
          throw failure("field '\(field)': message \(index + 1): expected the texts 'role' and 'content'")
        }
        messages.append(ChatMessage(role: role, content: content))
      }
      guard messages.contains(where: { $0.role == ChatTemplate.assistant }) else {
        throw failure("field '\(field)': expected a message of the assistant, found none")
      }
      do {
        return try template.parts(messages)
      } catch {
        throw failure("field '\(field)': \(error)")
      }
    }
  }
}

/// The documents of a JSON lines text of which only a part is scored.
package struct ScoredDocuments {
  private let reader: TextReader
  private let rule: ScoredDocumentRule

  /// Describes the documents; reads nothing yet.
  ///
  /// - Parameters:
  ///   - reader: A text of which nothing was read yet.
  ///   - rule: How an object becomes a document.
  package init(_ reader: TextReader, rule: ScoredDocumentRule) {
    self.reader = reader
    self.rule = rule
  }

  /// Passes each document to a closure, in the order of the text.
  ///
  /// - Parameters:
  ///   - badRecord: Called with the error of each line that is no such document. It may throw the error; otherwise the
  ///     line is skipped.
  ///   - body: Receives the parts.
  /// - Returns: The number of documents.
  /// - Throws: The errors of `TextReader`, and what the closures throw.
  @discardableResult
  package func forEach(
    badRecord: (CorpusError) throws -> Void = { throw $0 }, _ body: ([DocumentPart]) throws -> Void
  ) throws -> Int {
    var count = 0
    try reader.forEachRecord { record, line in
      let parts: [DocumentPart]
      do throws(CorpusError) {
        parts = try rule.parts(record, path: reader.source.name, line: line)
      } catch {
        try badRecord(error)
        return
      }
      count += 1
      try body(parts)
    }
    return count
  }
}

/// Any JSON value.
private enum JSONContent: Decodable {
  case text(String)
  case list([JSONContent])
  case object([String: JSONContent])
  case other(String)

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let list = try? container.decode([JSONContent].self) {
      self = .list(list)
    } else if let object = try? container.decode([String: JSONContent].self) {
      self = .object(object)
    } else {
      self = .other(container.decodeNil() ? "null" : "a number or a boolean")
    }
  }

  subscript(name: String) -> JSONContent? {
    guard case .object(let members) = self else { return nil }
    return members[name]
  }

  /// A member by its name, or by the names of nested objects, joined by dots.
  subscript(path path: String) -> JSONContent? {
    if let member = self[path] { return member }
    var value: JSONContent? = self
    for name in path.split(separator: ".", omittingEmptySubsequences: false) { value = value?[String(name)] }
    return value
  }

  /// The text, also of a list of `{"type": "text", "text": …}`; nil for anything else.
  var plainText: String? {
    switch self {
    case .text(let text): return text
    case .list(let parts):
      let texts = parts.compactMap { part in part["type"]?.plainText == "text" ? part["text"]?.plainText : nil }
      return texts.count == parts.count ? texts.joined() : nil
    case .object, .other: return nil
    }
  }

  var kind: String {
    switch self {
    case .text: "text"
    case .list: "a list"
    case .object: "an object"
    case .other(let kind): kind
    }
  }
}
