package import Configurations

/// A configuration as given by the user, a YAML file of blocks with `--set` overrides on top.
///
/// ```swift
/// var file = ConfigurationFile(bytes: bytes, path: "configs/x.yaml", overrides: ["training.seed=1"])
/// let model: ModelConfiguration = file.read("model")
/// let training: TrainingConfiguration = file.read("training")
/// try file.finish()
/// ```
///
/// Nothing throws before `finish`, so that the user sees all problems at once.
package struct ConfigurationFile {
  /// The size limit, beyond which a file is refused unread: 1 MiB.
  package static let largestByteCount = 1 << 20

  let path: String
  /// The blocks of the file that have not been read yet.
  private var blocks: [ConfigurationBlock] = []
  /// The overrides that have not been read yet.
  private var overrides: [ConfigurationOverride] = []
  private var blockNames: [String] = []
  private var problems: [ConfigurationProblem] = []
  /// Whether the file could not be parsed; missing blocks are then not reported.
  private let isUnreadable: Bool

  /// Splits the file into blocks.
  ///
  /// - Parameters:
  ///   - bytes: The file's content.
  ///   - path: The file's path, for messages.
  ///   - overrides: The values of `--set`, each `block.key=value`; later ones win.
  package init(bytes: [UInt8], path: String, overrides: [String] = []) {
    self.path = path
    blocks = configurationBlocks(bytes: bytes, path: path, problems: &problems)
    isUnreadable = blocks.isEmpty && !problems.isEmpty
    for text in overrides {
      if let override = ConfigurationOverride(text) {
        self.overrides.append(override)
      } else {
        let message = "expected block.key=value, found \(quotedForMessage(text))"
        problems.append(ConfigurationProblem(location: ConfigurationOverride.location, key: nil, message: message))
      }
    }
  }

  /// Reads one block: defaults, then the file, then the overrides.
  ///
  /// - Parameters:
  ///   - block: The block's name.
  ///   - type: The configuration to read.
  ///   - defaults: The values of keys that are left out.
  ///   - objections: Finds conflicts between keys that are each valid alone.
  /// - Returns: The configuration. A key with a problem keeps its default; `finish` then throws.
  package mutating func read<Root: Configurable>(
    _ block: String, as type: Root.Type = Root.self, defaults: Root = Root(),
    objections: (Root) -> [(key: String, message: String)] = \.contradictions
  ) -> Root {
    blockNames.append(block)
    var root = defaults
    var locations: [String: ConfigurationLocation] = [:]
    for found in blocks where found.name == block {
      let settings = found.settings(for: Root.self, path: path, problems: &problems)
      problems += root.apply(settings, block: block)
      for setting in settings { locations[setting.name] = setting.location }
    }
    for override in overrides where override.block == block {
      let setting = override.setting(for: Root.self)
      problems += root.apply([setting], block: block)
      locations[setting.name] = setting.location
    }
    root.followGivenKeys(Set(locations.keys))
    blocks.removeAll { $0.name == block }
    overrides.removeAll { $0.block == block }
    // A key with a problem kept its default, so conflicts with it would mislead.
    let refused = Set(problems.compactMap(\.key))
    for (key, message) in objections(root) where !isUnreadable && !refused.contains("\(block).\(key)") {
      let location = locations[key] ?? ConfigurationLocation(path: path)
      problems.append(ConfigurationProblem(location: location, key: "\(block).\(key)", message: message))
    }
    return root
  }

  /// Whether a block had a problem: some of its values are then not the intended ones.
  package func hasProblem(in block: String) -> Bool {
    isUnreadable || problems.contains { $0.key == block || $0.key?.hasPrefix(block + ".") ?? false }
  }

  /// Throws all problems that were found, including blocks that nobody read.
  package func finish() throws(ConfigurationError) {
    let unread =
      blocks.map { unknownBlock($0.name, at: $0.location) }
      + overrides.map { unknownBlock($0.block, at: ConfigurationOverride.location) }
    let found = (problems + unread).enumerated().sorted { first, second in
      // Sorted by line. Problems without a line (overrides, the whole file) come last, in their order.
      let lines = (first.element.location.line ?? .max, second.element.location.line ?? .max)
      return lines.0 == lines.1 ? first.offset < second.offset : lines.0 < lines.1
    }
    if !found.isEmpty { throw ConfigurationError(problems: found.map(\.element)) }
  }

  private func unknownBlock(_ name: String, at location: ConfigurationLocation) -> ConfigurationProblem {
    let expected = "expected \(blockNames.joined(separator: ", "))"
    let match = closestMatch(to: name, among: blockNames)
    let message = "unknown block; " + (match.map { "did you mean '\($0)'?" } ?? expected)
    return ConfigurationProblem(location: location, key: name, message: message)
  }
}

/// One `--set block.key=value`.
private struct ConfigurationOverride {
  static let location = ConfigurationLocation(path: "--set")
  let block: String
  let key: String
  let value: String

  /// Splits the text at its first `=` and the first `.` before it; nil if one of them is missing.
  init?(_ text: String) {
    let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard sides.count == 2 else { return nil }
    let names = sides[0].split(separator: ".", maxSplits: 1)
    guard names.count == 2 else { return nil }
    block = String(names[0])
    key = String(names[1])
    value = String(sides[1])
  }

  func setting<Root: Configurable>(for type: Root.Type) -> ConfigurationSetting {
    let kind = Root.key(named: key)?.kind
    return ConfigurationSetting(name: key, value: value(for: kind), location: Self.location)
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
    let tree = (try? yamlTree(bytes: Array(value.utf8), path: Self.location.path)) ?? nil
    return tree.flatMap { try? configurationValue(of: $0, kind: kind) }
  }
}
