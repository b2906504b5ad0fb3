internal import Configurations

/// A JSON object of a report: keys sorted, numbers with the fewest digits that give the same bits back.
///
/// JSON has no NaN and no infinity. Such a number becomes `null`, and the key `<key>_not_finite` is added with `"nan"`,
/// `"inf"` or `"-inf"`. So a reader can tell it from a number that was not measured. In a list the number becomes
/// `null`, and the added key describes the first one.
package struct JSONReport {
  /// The version of the keys, raised when a key changes its meaning or is removed.
  package static let schemaVersion = 1

  private let members: [String: JSONValue]

  /// A report with `schema_version` and the given members.
  package init(_ members: [String: JSONValue]) {
    self.members = members.merging(["schema_version": .integer(Self.schemaVersion)]) { given, _ in given }
  }

  /// The object on one line, without a newline at the end: for streams of JSON lines.
  package var line: String { encoded(isIndented: false) }

  /// The object over several lines, indented, without a newline at the end.
  package var text: String { encoded(isIndented: true) }

  private func encoded(isIndented: Bool) -> String {
    do {
      return try sortedJSON(JSONValue.object(members), isIndented: isIndented)
    } catch {
      // The encoder rejects only numbers that JSON cannot hold, and those are flagged instead.
      preconditionFailure("JSONReport: \(error)")
    }
  }
}

/// A value in a JSON report.
package enum JSONValue: Sendable, Equatable {
  case integer(Int)
  case number(Double)
  case boolean(Bool)
  case text(String)
  case list([JSONValue])
  case object([String: JSONValue])
  case null

  /// A seed: a number if every JSON reader can represent it, otherwise a string, so that none rounds it.
  package static func seed(_ seed: UInt64) -> JSONValue {
    Int(exactly: seed).flatMap { $0 <= 1 << 53 ? .integer($0) : nil } ?? .text("\(seed)")
  }

  /// A duration rounded to microseconds; further digits are noise of the clock or of rounding.
  package static func seconds(_ seconds: Double) -> JSONValue { .number((seconds * 1e6).rounded() / 1e6) }
}

extension JSONValue: Encodable {
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .integer(let integer): try container.encode(integer)
    case .number(let number): try number.isFinite ? container.encode(number) : container.encodeNil()
    case .boolean(let boolean): try container.encode(boolean)
    case .text(let text): try container.encode(text)
    case .list(let items): try container.encode(items)
    case .object(let members): try container.encode(Self.flagged(members))
    case .null: try container.encodeNil()
    }
  }

  private static func flagged(_ members: [String: JSONValue]) -> [String: JSONValue] {
    members.reduce(into: members) { flagged, member in
      if let word = member.value.wordForNotFinite { flagged[member.key + "_not_finite"] = .text(word) }
    }
  }

  private var wordForNotFinite: String? {
    switch self {
    case .number(let number) where number.isNaN: "nan"
    case .number(let number) where number.isInfinite: number < 0 ? "-inf" : "inf"
    case .list(let items): items.lazy.compactMap(\.wordForNotFinite).first
    default: nil
    }
  }
}

extension JSONValue: Decodable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let integer = try? container.decode(Int.self) {
      self = .integer(integer)
    } else if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let boolean = try? container.decode(Bool.self) {
      self = .boolean(boolean)
    } else if let text = try? container.decode(String.self) {
      self = .text(text)
    } else if let items = try? container.decode([JSONValue].self) {
      self = .list(items)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }
}
