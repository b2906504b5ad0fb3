internal import Configurations

/// A key that the command line sets: `block.key=value`.
struct ConfigurationOverride {
  /// The flag that sets it, for messages.
  let location: ConfigurationLocation
  let block: String
  let key: String
  let value: String

  /// Splits the text at its first `=` and the first `.` before it; nil if one of them is missing.
  init?(_ text: String, flag: String) {
    location = ConfigurationLocation(path: flag)
    let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard sides.count == 2 else { return nil }
    let names = sides[0].split(separator: ".", maxSplits: 1)
    guard names.count == 2 else { return nil }
    block = String(names[0])
    key = String(names[1])
    value = String(sides[1])
  }

  /// The value as the kind of its key reads it.
  func setting<Root: Configurable>(for type: Root.Type) -> ConfigurationSetting {
    let kind = Root.key(named: key)?.kind
    return ConfigurationSetting(name: key, value: value(for: kind), location: location)
  }

  // Lists are written a,b or [a, b], with quotes as in a file or without. Nested quotes are hard to write in a shell,
  // and an unquoted YAML text cannot start with *.
  private func value(for kind: ConfigurationKind?) -> ConfigurationValue {
    switch kind {
    case .list, .optional(.list):
      let isBracketed = value.hasPrefix("[") && value.hasSuffix("]") && value.count > 1
      if !isBracketed, ConfigurationValue.guessed(from: value) == .null { return .null }
      if isBracketed, let list = valueInYAML(kind) { return list }
      let items = isBracketed ? value.dropFirst().dropLast() : value[...]
      return .list(items.split(separator: ",").map { String($0.drop { $0 == " " }) })
    case .records where value.hasPrefix("["):
      // A list in YAML syntax, [{path: a, weight: 2}, b]. Anything else is a string, and no file has that name.
      return valueInYAML(kind) ?? .text(value)
    default: return kind?.value(of: value) ?? .guessed(from: value)
    }
  }

  private func valueInYAML(_ kind: ConfigurationKind?) -> ConfigurationValue? {
    let tree = (try? yamlTree(bytes: Array(value.utf8), path: location.path)) ?? nil
    return tree.flatMap { try? configurationValue(of: $0, kind: kind) }
  }
}
