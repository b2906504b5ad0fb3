internal import Configurations

/// One line of `metrics.jsonl`, either just written or read back.
package struct MetricsRow: Sendable {
  /// The row's numbers by key, including NaN and infinities.
  package private(set) var numbers: [String: Double] = [:]
  /// Whether the step was skipped.
  package private(set) var isSkipped = false

  package init(_ members: [String: JSONValue]) {
    for (key, value) in members {
      switch value {
      case .integer(let integer): numbers[key] = Double(integer)
      case .number(let number): numbers[key] = number
      case .text(let word):
        // JSON has no such numbers: see JSONReport.
        guard key.hasSuffix(Self.flag), ["nan", "inf", "-inf"].contains(word) else { break }
        numbers[String(key.dropLast(Self.flag.count))] = Double(word)
      default: break
      }
    }
    isSkipped = members["skipped"] != nil
  }

  /// Parses a line; nil if it is not a row of this log.
  package init?(line: [UInt8]) {
    guard let members = try? decodedJSON([String: JSONValue].self, from: line) else { return nil }
    self.init(members)
  }

  private static let flag = "_not_finite"

  /// The step of the row; nil in a line that another program wrote.
  package var step: Int? { whole("step") }

  /// The step that a rewind returned to.
  package var rewindStep: Int? { whole("rewind_to") }

  private func whole(_ key: String) -> Int? { numbers[key].flatMap { Int(exactly: $0) } }
}
