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
  ///   - swept: What a sweep sets on top of them, in the same form.
  package init(bytes: [UInt8], path: String, overrides: [String] = [], swept: [String] = []) {
    self.path = path
    blocks = configurationBlocks(bytes: bytes, path: path, problems: &problems)
    isUnreadable = blocks.isEmpty && !problems.isEmpty
    for (text, flag) in overrides.map({ ($0, "--set") }) + swept.map({ ($0, "--sweep") }) {
      if let override = ConfigurationOverride(text, flag: flag) {
        self.overrides.append(override)
      } else {
        let message = "expected block.key=value, found \(quotedForMessage(text))"
        problems.append(
          ConfigurationProblem(location: ConfigurationLocation(path: flag), key: nil, message: message))
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
      + overrides.map { unknownBlock($0.block, at: $0.location) }
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
