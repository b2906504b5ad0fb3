internal import Configurations
package import FoundationEssentials

/// A row of a data set: a JSON object.
package struct TaskRow: Sendable {
  package let members: [String: TaskValue]
  /// The name of the file.
  package let path: String
  /// The number of its line, from 1.
  package let line: Int

  /// - Parameters:
  ///   - json: A JSON object.
  ///   - path: The name of the file in errors.
  ///   - line: The number of the line, from 1.
  /// - Throws: `TaskError.row`.
  package init(json: Data, path: String, line: Int) throws(TaskError) {
    do {
      members = try decodedJSON([String: TaskValue].self, from: json)
    } catch {
      throw .row(path: path, line: line, reason: "expected a JSON object, found something else")
    }
    self.path = path
    self.line = line
  }

  /// The error of this row.
  func failure(_ reason: String) -> TaskError { .row(path: path, line: line, reason: reason) }

  /// The value of a field, or of nested ones, joined by dots.
  func value(_ field: String) throws(TaskError) -> TaskValue {
    if let value = members[field] { return value }
    var value = TaskValue.object(members)
    for name in field.split(separator: ".", omittingEmptySubsequences: false) {
      guard case .object(let members) = value, let member = members[String(name)] else {
        throw failure("field '\(field)': expected one, found none")
      }
      value = member
    }
    return value
  }

  func text(_ field: String) throws(TaskError) -> String {
    let value = try value(field)
    guard case .text(let text) = value else { throw wrongKind(field, "text", value) }
    return text
  }

  /// A whole number, also one that is written as text.
  func integer(_ field: String) throws(TaskError) -> Int {
    let value = try value(field)
    switch value {
    case .integer(let number): return number
    case .boolean(let isTrue): return isTrue ? 1 : 0
    case .text(let text):
      if let number = Int(text) { return number }
    default: break
    }
    throw wrongKind(field, "a whole number", value)
  }

  /// A whole number that is counted from 1, as an index.
  func index(countedFrom1 field: String) throws(TaskError) -> Int {
    let (index, isTooSmall) = try integer(field).subtractingReportingOverflow(1)
    return isTooSmall ? -1 : index
  }

  func texts(_ field: String) throws(TaskError) -> [String] {
    let value = try value(field)
    guard case .list(let items) = value else { throw wrongKind(field, "a list of texts", value) }
    var texts: [String] = []
    for item in items {
      guard case .text(let text) = item else { throw wrongKind(field, "a list of texts", item) }
      texts.append(text)
    }
    return texts
  }

  func wrongKind(_ field: String, _ expected: String, _ found: TaskValue) -> TaskError {
    failure("field '\(field)': expected \(expected), found \(found.kind)")
  }
}

/// A JSON value.
package enum TaskValue: Equatable, Sendable {
  case text(String)
  case integer(Int)
  case number(Double)
  case boolean(Bool)
  case list([TaskValue])
  case object([String: TaskValue])
  case null

  /// What it is, for messages.
  var kind: String {
    switch self {
    case .text(let text): text.isEmpty ? "an empty text" : "text"
    case .integer(let number): "the number \(number)"
    case .number(let number): "the number \(number)"
    case .boolean(let isTrue): "\(isTrue)"
    case .list: "a list"
    case .object: "an object"
    case .null: "null"
    }
  }
}

extension TaskValue: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let isTrue = try? container.decode(Bool.self) {
      self = .boolean(isTrue)
    } else if let integer = try? container.decode(Int.self) {
      self = .integer(integer)
    } else if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let items = try? container.decode([TaskValue].self) {
      self = .list(items)
    } else {
      self = .object(try container.decode([String: TaskValue].self))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let text): try container.encode(text)
    case .integer(let number): try container.encode(number)
    case .number(let number): try container.encode(number)
    case .boolean(let isTrue): try container.encode(isTrue)
    case .list(let items): try container.encode(items)
    case .object(let members): try container.encode(members)
    case .null: try container.encodeNil()
    }
  }
}
