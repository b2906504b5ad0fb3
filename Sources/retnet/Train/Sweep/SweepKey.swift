internal import Configurations
internal import Corpora
internal import Modeling
internal import Training

/// A key of the configuration with the values that a sweep tries, as given by `--sweep block.key=a,b,c`.
struct SweepKey {
  /// The key with its block: `training.learning_rate`.
  let name: String
  /// The values in the order given; all different.
  let values: [SweepValue]

  /// The key without its block.
  var shortName: String { String(name.drop { $0 != "." }.dropFirst()) }

  /// Parses the text and checks each value by itself.
  ///
  /// - Throws: `CommandError` with status 64 for a text of another form, and for values that are equal;
  ///   `ConfigurationError` for an unknown key, and for values that it does not take.
  init(_ text: String) throws {
    let place = text.firstIndex(of: "=") ?? text.endIndex
    guard let first = ConfigurationOverride(text, flag: Self.flag) else {
      throw Self.refusal("expected block.key=a,b,c, found \(quotedForMessage(text))")
    }
    let name = String(text[..<place])
    self.name = name
    let words = Self.parts(of: first.value)
    if words.contains("") {
      throw Self.refusal("\(name): expected values separated by commas, found \(quotedForMessage(first.value))")
    }
    let overrides = words.compactMap { ConfigurationOverride("\(name)=\($0)", flag: Self.flag) }
    switch first.block {
    case "model": values = try Self.values(overrides, of: ModelConfiguration.self)
    case "data": values = try Self.values(overrides, of: DataConfiguration.self)
    case "training": values = try Self.values(overrides, of: TrainingConfiguration.self)
    default:
      let message = "unknown block; expected model, data, training"
      throw ConfigurationError(problems: [
        ConfigurationProblem(location: first.location, key: first.block, message: message)
      ])
    }
    if name == "data.validation" {
      throw Self.refusal(
        "data.validation: expected a key that leaves the validation text as it is, by which runs compare")
    }
    for (index, value) in values.enumerated() {
      if let same = values[..<index].first(where: { $0.text == value.text }) {
        throw Self.refusal("\(name): expected different values, found \(same.word) and \(value.word)")
      }
    }
  }

  static let flag = "--sweep"

  static func refusal(_ message: String, hint: String? = nil) -> CommandError {
    CommandError(.usage, "\(flag): \(message)", hint: hint)
  }

  private static func values<Root: Configurable>(
    _ overrides: [ConfigurationOverride], of type: Root.Type
  ) throws -> [SweepValue] {
    try overrides.map { override in
      let setting = override.setting(for: Root.self)
      var root = Root()
      let problems = root.apply([setting], block: override.block)
      if let problem = problems.first { throw ConfigurationError(problems: [problem]) }
      // The stored value: 3e-3 and 0.003 are the same.
      return SweepValue(word: override.value, stored: Root.key(named: override.key)?.get(root) ?? setting.value)
    }
  }

  /// Splits a text at the commas that are in no brackets.
  private static func parts(of text: String) -> [String] {
    var (parts, depth) = ([""], 0)
    for character in text {
      if character == ",", depth == 0 { parts.append(""); continue }
      if "[{".contains(character) { depth += 1 } else if "]}".contains(character) { depth -= 1 }
      parts[parts.count - 1].append(character)
    }
    return parts.map { String($0.drop { $0 == " " }) }
  }
}

/// A value of a key in a sweep.
package struct SweepValue: Equatable, Sendable {
  /// As it was typed.
  let word: String
  /// As tables and file names show it: the same for all spellings of a value.
  let text: String
  /// Its number; nil for other kinds of values.
  let number: Double?

  init(word: String, stored: ConfigurationValue) {
    self.word = word
    let yaml = stored.yaml
    text = yaml.hasPrefix("\"") && yaml.hasSuffix("\"") && yaml.count > 1 ? String(yaml.dropFirst().dropLast()) : yaml
    number =
      switch stored {
      case .integer(let integer): Double(integer)
      case .number(let number): number
      default: nil
      }
  }

  /// A number as a table shows it.
  package init(_ number: Double) {
    self.init(word: "\(number)", stored: .number(number))
  }

  /// A word, such as the name of a choice.
  package init(_ word: String) {
    self.init(word: word, stored: .text(word))
  }
}
