internal import Serving
internal import Tokenization

/// The fields of a request's JSON object, read by type and range. Every problem names its field.
struct RequestFields {
  private let members: [String: JSONValue]

  /// - Parameter body: A JSON object in UTF-8; nothing at all stands for an empty one.
  /// - Throws: An error with status 400.
  init(_ body: [UInt8]) throws(ErrorBody) {
    if body.isEmpty {
      members = [:]
      return
    }
    let value: JSONValue
    do throws(ModelProblem) {
      // Foundation's decoder takes half a minute for some bodies of four megabytes.
      value = JSONValue(try JSONTree(reading: body))
    } catch {
      throw ErrorBody(status: 400, message: "body: expected a JSON object, found no JSON: \(error.reason)")
    }
    guard case .object(let members) = value else {
      throw ErrorBody(status: 400, message: "body: expected a JSON object, found \(value.words)")
    }
    self.members = members
  }

  init(_ members: [String: JSONValue]) { self.members = members }

  /// A field; nil if it is missing or null.
  subscript(_ name: String) -> JSONValue? {
    guard let value = members[name], value != .null else { return nil }
    return value
  }

  /// The error for a field that is not what was expected.
  func problem(_ name: String, _ expected: String) -> ErrorBody {
    refusal(of: name, "expected \(expected), found \(self[name]?.words ?? "none")")
  }

  /// The error for a field, with a message of its own.
  func refusal(of name: String, _ message: String) -> ErrorBody {
    ErrorBody(status: 400, message: "\(name): \(message)", parameter: name)
  }

  func text(_ name: String) throws(ErrorBody) -> String? {
    guard let value = self[name] else { return nil }
    guard case .text(let text) = value else { throw problem(name, "a text") }
    return text
  }

  func flag(_ name: String) throws(ErrorBody) -> Bool? {
    guard let value = self[name] else { return nil }
    guard case .boolean(let flag) = value else { throw problem(name, "true or false") }
    return flag
  }

  func integer(_ name: String, _ range: ClosedRange<Int>) throws(ErrorBody) -> Int? {
    guard let value = self[name] else { return nil }
    guard case .integer(let integer) = value, range.contains(integer) else {
      throw problem(name, "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return integer
  }

  /// A number for which a condition holds; the words say which in messages.
  func number(_ name: String, _ expected: String, where isAllowed: (Double) -> Bool) throws(ErrorBody) -> Double? {
    guard let value = self[name] else { return nil }
    guard let number = value.asNumber, number.isFinite, isAllowed(number) else {
      throw problem(name, "a number \(expected)")
    }
    return number
  }

  func object(_ name: String) throws(ErrorBody) -> RequestFields? {
    guard let value = self[name] else { return nil }
    guard case .object(let members) = value else { throw problem(name, "an object") }
    return RequestFields(members)
  }

  var all: [String: JSONValue] { members }
}

extension JSONValue {
  init(_ tree: JSONTree) {
    switch tree {
    case .null: self = .null
    case .boolean(let flag): self = .boolean(flag)
    case .integer(let integer): self = .integer(integer)
    case .number(let number): self = Int(exactly: number).map { .integer($0) } ?? .number(number)
    case .text(let bytes): self = .text(String(decoding: bytes, as: UTF8.self))
    case .list(let items): self = .list(items.map { JSONValue($0) })
    case .object(let members):
      // Of equal keys the last one counts.
      self = .object(
        Dictionary(members.map { (String(decoding: $0.key, as: UTF8.self), JSONValue($0.value)) }) { $1 })
    }
  }

  var asNumber: Double? {
    switch self {
    case .integer(let integer): Double(integer)
    case .number(let number): number
    default: nil
    }
  }

  /// The value as messages show it.
  var words: String {
    switch self {
    case .text(let text): "the text \"\(text.prefix(40))\""
    case .integer(let integer): "\(integer)"
    case .number(let number): "\(number)"
    case .boolean(let flag): "\(flag)"
    case .list(let items): items.isEmpty ? "an empty list" : "a list"
    case .object: "an object"
    case .null: "null"
    }
  }
}
