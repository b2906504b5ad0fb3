/// An interval of real numbers whose ends are open, closed or absent.
package struct NumberRange: Sendable, Equatable {
  private let lower: Double
  private let upper: Double
  private let includesLower: Bool
  private let includesUpper: Bool

  /// Every finite number.
  package static let any = NumberRange(-.infinity, .infinity, false, false)

  /// Numbers ≥ `lower`.
  package static func atLeast(_ lower: Double) -> NumberRange { NumberRange(lower, .infinity, true, false) }

  /// Numbers > `lower`.
  package static func above(_ lower: Double) -> NumberRange { NumberRange(lower, .infinity, false, false) }

  /// Numbers ≥ `lower` and ≤ `upper`.
  package static func between(_ lower: Double, _ upper: Double) -> NumberRange {
    NumberRange(lower, upper, true, true)
  }

  /// Numbers ≥ `lower` and < `upper`.
  package static func from(_ lower: Double, below upper: Double) -> NumberRange {
    NumberRange(lower, upper, true, false)
  }

  /// Numbers > `lower` and ≤ `upper`.
  package static func above(_ lower: Double, upTo upper: Double) -> NumberRange {
    NumberRange(lower, upper, false, true)
  }

  private init(_ lower: Double, _ upper: Double, _ includesLower: Bool, _ includesUpper: Bool) {
    precondition(lower < upper, "NumberRange: lower \(lower) is not below upper \(upper)")
    self.lower = lower
    self.upper = upper
    self.includesLower = includesLower
    self.includesUpper = includesUpper
  }

  /// Whether the number is finite and inside.
  package func contains(_ number: Double) -> Bool {
    number.isFinite && (includesLower ? number >= lower : number > lower)
      && (includesUpper ? number <= upper : number < upper)
  }

  /// The bounds as symbols, with a leading space: ` ≥ 0 and < 1`; empty without bounds.
  package var described: String {
    var bounds: [String] = []
    if lower.isFinite { bounds.append((includesLower ? "≥ " : "> ") + Self.short(lower)) }
    if upper.isFinite { bounds.append((includesUpper ? "≤ " : "< ") + Self.short(upper)) }
    return bounds.isEmpty ? "" : " " + bounds.joined(separator: " and ")
  }

  private static func short(_ number: Double) -> String {
    Int(exactly: number).map { String($0) } ?? number.description
  }
}
