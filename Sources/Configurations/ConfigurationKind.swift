/// The type of a configuration key, with its range or its choices.
package indirect enum ConfigurationKind: Sendable, Equatable {
  /// A whole number within the range.
  case integer(ClosedRange<Int>)
  /// A finite real number within the range; integers are accepted too.
  case number(NumberRange)
  /// `true` or `false`.
  case boolean
  /// Any text.
  case text
  /// One of the given words, or an alias of one.
  case choice([String], otherSpellings: [String: String] = [:])
  /// One of the given words, or a list of them; an override separates them by commas.
  case choices([String])
  /// A list of texts.
  case list
  /// A list of records with these fields. The first field is required; a plain string stands for a record with only
  /// that field.
  case records([ConfigurationField])
  /// What the inner kind accepts, or nothing (`null`).
  case optional(ConfigurationKind)

  /// Interprets an unquoted word of a file or an override as a value of this kind.
  ///
  /// For a string or a choice the word stays as typed, so that `no`, `010` and `1e3` are not changed.
  package func value(of word: String) -> ConfigurationValue {
    let guess = ConfigurationValue.guessed(from: word)
    switch self {
    case .optional(let inner): return guess == .null ? .null : inner.value(of: word)
    case .records: return .text(word)
    case .text: return guess == .null && !word.isEmpty ? .null : .text(word)
    case .choice: return guess == .null ? .null : .text(word)
    case .choices:
      let words = word.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      return words.count == 1 ? .text(word) : .list(words)
    case .integer, .boolean, .list: return guess
    case .number:
      // Parsed from the digits directly: through an Int, a long number would be rounded twice and -0 would lose its
      // sign.
      if case .integer = guess, let number = Double(word) { return .number(number) }
      return guess
    }
  }

  /// What is wrong with a value for this kind, or nil if it is accepted.
  package func objection(to value: ConfigurationValue) -> String? {
    if case .records(let fields) = self, case .records(let records) = value { return fields.objection(to: records) }
    if case .choices(let words) = self, case .list(let list) = value,
      let wrong = list.first(where: { !words.contains($0) })
    {
      return ConfigurationKind.choice(words).objection(to: .text(wrong))
    }
    return accepts(value) ? nil : "expected \(described), found \(value.described)\(suggestion(for: value))"
  }

  private func accepts(_ value: ConfigurationValue) -> Bool {
    switch (self, value) {
    case (.integer(let range), .integer(let integer)): range.contains(integer)
    case (.number(let range), .number(let number)): range.contains(number)
    case (.number(let range), .integer(let integer)): range.contains(Double(integer))
    case (.boolean, .boolean), (.text, .text), (.list, .list), (.records, .text), (.records, .list): true
    case (.choice(let words, let others), .text(let text)): words.contains(others[text] ?? text)
    case (.choices(let words), .text(let text)): words.contains(text)
    case (.choices(let words), .list(let list)): !list.isEmpty && list.allSatisfy(words.contains)
    case (.optional(let inner), _): value == .null || inner.accepts(value)
    default: false
    }
  }

  private func suggestion(for value: ConfigurationValue) -> String {
    switch self {
    case .choice(let words, _):
      guard case .text(let text) = value, let match = closestMatch(to: text, among: words) else { return "" }
      return "; did you mean '\(match)'?"
    case .choices(let words): return ConfigurationKind.choice(words).suggestion(for: value)
    case .integer(let range):
      guard case .number(let number) = value, number > 1e18, range.upperBound == .max else { return "" }
      return "; the largest is \(Int.max)"
    case .optional(let inner): return inner.suggestion(for: value)
    default: return ""
    }
  }

  /// The kind in words: `an integer from 1 to 64`.
  package var described: String {
    switch self {
    case .integer(let range):
      switch (range.lowerBound, range.upperBound) {
      case (Int.min, Int.max): "an integer"
      case (let lower, Int.max): "an integer ≥ \(lower)"
      case (Int.min, let upper): "an integer ≤ \(upper)"
      case (let lower, let upper): "an integer from \(lower) to \(upper)"
      }
    case .number(let range): "a number\(range.described)"
    case .boolean: "true or false"
    case .text: "text"
    case .choice(let words, _): "one of \(words.joined(separator: ", "))"
    case .choices(let words): "one of \(words.joined(separator: ", ")), or a list of them"
    case .list: "a list of texts"
    case .records(let fields): "text, or a list of texts and \(fields.described)"
    case .optional(let inner): "\(inner.described) or null"
    }
  }
}
