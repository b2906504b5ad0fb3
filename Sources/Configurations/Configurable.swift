/// A configuration struct whose properties are read and written through a table of keys.
package protocol Configurable: Sendable {
  /// The configuration with every key at its default.
  init()

  /// The table: one row per key, in the order of the file, names unique. A name such as `groups.head.beta1` is that of a
  /// key in nested blocks; the keys of a block are adjacent.
  static var keys: [ConfigurationKey<Self>] { get }

  /// Adjusts keys that were left out to those that were given, where the plain defaults would not fit.
  mutating func followGivenKeys(_ given: Set<String>)

  /// Conflicts between keys that are each valid alone: the key to name, and what was expected and found.
  var contradictions: [(key: String, message: String)] { get }
}

extension Configurable {
  package mutating func followGivenKeys(_ given: Set<String>) {}

  package var contradictions: [(key: String, message: String)] { [] }

  /// The row with the given name.
  package static func key(named name: String) -> ConfigurationKey<Self>? { keys.first { $0.name == name } }

  /// Applies settings and collects all problems instead of stopping at the first one.
  ///
  /// - Parameters:
  ///   - settings: The settings of one source, a file or one override; a name may occur once.
  ///   - block: The block's name, for messages; empty for none.
  /// - Returns: The problems in the order of the settings. Settings with a problem are not taken over.
  package mutating func apply(_ settings: [ConfigurationSetting], block: String) -> [ConfigurationProblem] {
    let prefix = block.isEmpty ? "" : block + "."
    var problems: [ConfigurationProblem] = []
    var seen: [String: ConfigurationLocation] = [:]
    for setting in settings {
      var message: String?
      if let first = seen[setting.name] {
        message = "duplicate key" + (first.line.map { ", first on line \($0)" } ?? "")
      } else if let key = Self.key(named: setting.name) {
        message = key.kind.objection(to: setting.value)
        if message == nil {
          let isSet = key.set(&self, setting.value)
          precondition(isSet, "apply: key \(key.name) accepts \(setting.value) and cannot hold it")
        }
      } else {
        message = Self.unknownKeyMessage(setting.name)
      }
      seen[setting.name] = seen[setting.name] ?? setting.location
      if let message {
        problems.append(
          ConfigurationProblem(location: setting.location, key: prefix + setting.name, message: message))
      }
    }
    return problems
  }

  private static func unknownKeyMessage(_ name: String) -> String {
    guard let match = closestMatch(to: name, among: keys.map(\.name)) else { return "unknown key" }
    return "unknown key; did you mean '\(match)'?"
  }

  /// The value of each key, in the order of the table.
  package var settings: [(name: String, value: ConfigurationValue)] {
    Self.keys.map { ($0.name, $0.get(self)) }
  }

  /// The value of each key by name: a flat JSON object when encoded.
  package var values: [String: ConfigurationValue] {
    Dictionary(uniqueKeysWithValues: settings.map { ($0.name, $0.value) })
  }

  /// The block as lines of YAML, every key resolved. A name with dots is the path of a key in nested blocks.
  package func yamlLines(block: String) -> [String] {
    var lines = ["\(block):"]
    var open: [Substring] = []
    for (name, value) in settings {
      let path = name.split(separator: ".")
      let blocks = path.dropLast()
      let shared = zip(open, blocks).prefix { $0 == $1 }.count
      for (depth, block) in blocks.enumerated().dropFirst(shared) {
        lines.append(String(repeating: "  ", count: depth + 1) + "\(block):")
      }
      open = Array(blocks)
      lines.append(String(repeating: "  ", count: path.count) + "\(path[path.count - 1]): \(value.yaml)")
    }
    return lines
  }

  /// Whether a name is that of a nested block, so that keys begin with it and a dot.
  package static func isBlock(_ name: String) -> Bool { keys.contains { $0.name.hasPrefix(name + ".") } }

  /// The key reference as a Markdown table: name, what it accepts, default, meaning.
  package static var markdownTable: String {
    let defaults = Self()
    let rows = keys.map { key in
      [key.name, key.kind.described, key.get(defaults).yaml, key.documentation]
    }
    func line(_ key: String, _ kind: String, _ value: String, _ meaning: String) -> String {
      "| \(key) | \(kind) | \(value) | \(meaning) |\n"
    }
    return line("key", "accepts", "default", "meaning") + "|---|---|---|---|\n"
      + rows.map { row in
        let cells = row.map { $0.replacing("|", with: "\\|") }
        return line("`\(cells[0])`", cells[1], "`\(cells[2])`", cells[3])
      }.joined()
  }
}
