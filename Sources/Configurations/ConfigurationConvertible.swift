/// A Swift type that a configuration key can hold.
///
/// Integers, numbers, booleans, strings, lists of strings and their optionals conform. An enumeration with strings as
/// raw values conforms through `ConfigurationChoice`.
package protocol ConfigurationConvertible: Sendable {
  /// What limits the accepted values: a range for numbers, nothing for other types.
  associatedtype Limits: Sendable

  /// The kind of a key of this type.
  static func kind(within limits: Limits) -> ConfigurationKind

  /// Converts a value that the kind has accepted; nil if it is of another type.
  init?(_ value: ConfigurationValue)

  /// The value to write.
  var configurationValue: ConfigurationValue { get }
}

/// The limits of types that have none.
package struct NoLimits: Sendable {}

/// An enumeration whose raw values are the words that a key accepts.
package protocol ConfigurationChoice: ConfigurationConvertible, RawRepresentable, CaseIterable
where RawValue == String, Limits == NoLimits {
  /// Aliases that are accepted too, each with the word that it stands for.
  static var otherSpellings: [String: String] { get }
}

extension ConfigurationChoice {
  package static var otherSpellings: [String: String] { [:] }

  package static func kind(within limits: NoLimits) -> ConfigurationKind {
    .choice(allCases.map(\.rawValue), otherSpellings: otherSpellings)
  }

  package init?(_ value: ConfigurationValue) {
    guard case .text(let word) = value else { return nil }
    self.init(rawValue: Self.otherSpellings[word] ?? word)
  }

  package var configurationValue: ConfigurationValue { .text(rawValue) }
}

extension Int: ConfigurationConvertible {
  package static func kind(within limits: ClosedRange<Int>) -> ConfigurationKind { .integer(limits) }

  package init?(_ value: ConfigurationValue) {
    guard case .integer(let integer) = value else { return nil }
    self = integer
  }

  package var configurationValue: ConfigurationValue { .integer(self) }
}

extension Double: ConfigurationConvertible {
  package static func kind(within limits: NumberRange) -> ConfigurationKind { .number(limits) }

  package init?(_ value: ConfigurationValue) {
    switch value {
    case .number(let number): self = number
    case .integer(let integer): self = Double(integer)
    default: return nil
    }
  }

  package var configurationValue: ConfigurationValue { .number(self) }
}

extension Bool: ConfigurationConvertible {
  package static func kind(within limits: NoLimits) -> ConfigurationKind { .boolean }

  package init?(_ value: ConfigurationValue) {
    guard case .boolean(let boolean) = value else { return nil }
    self = boolean
  }

  package var configurationValue: ConfigurationValue { .boolean(self) }
}

extension String: ConfigurationConvertible {
  package static func kind(within limits: NoLimits) -> ConfigurationKind { .text }

  package init?(_ value: ConfigurationValue) {
    guard case .text(let text) = value else { return nil }
    self = text
  }

  package var configurationValue: ConfigurationValue { .text(self) }
}

extension [String]: ConfigurationConvertible {
  package static func kind(within limits: NoLimits) -> ConfigurationKind { .list }

  package init?(_ value: ConfigurationValue) {
    guard case .list(let texts) = value else { return nil }
    self = texts
  }

  package var configurationValue: ConfigurationValue { .list(self) }
}

extension Optional: ConfigurationConvertible where Wrapped: ConfigurationConvertible {
  package static func kind(within limits: Wrapped.Limits) -> ConfigurationKind {
    .optional(Wrapped.kind(within: limits))
  }

  package init?(_ value: ConfigurationValue) {
    if value == .null {
      self = Optional<Wrapped>.none
    } else if let wrapped = Wrapped(value) {
      self = wrapped
    } else {
      return nil
    }
  }

  package var configurationValue: ConfigurationValue { self?.configurationValue ?? .null }
}
