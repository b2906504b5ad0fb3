internal import FoundationEssentials

/// What a line of `metrics.jsonl` holds, whether it was just written or is read again.
package struct MetricsRow: Sendable {
  /// Its numbers by key, NaN and infinities among them.
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

  /// Reads a line; nil if it is none of ours.
  package init?(line: [UInt8]) {
    guard let members = try? JSONDecoder().decode([String: JSONValue].self, from: Data(line)) else { return nil }
    self.init(members)
  }

  private static let flag = "_not_finite"

  /// The step that the line is about; nil in a line that somebody else wrote.
  package var step: Int? { whole("step") }

  /// The step that a rewind went back to.
  package var rewindStep: Int? { whole("rewind_to") }

  private func whole(_ key: String) -> Int? { numbers[key].flatMap { Int(exactly: $0) } }
}
