internal import Configurations
internal import Yams

/// One block of a configuration file, with its name and YAML nodes, before they are matched with a table of keys.
struct ConfigurationBlock {
  let name: String
  let location: ConfigurationLocation
  fileprivate let pairs: [(key: Node, value: Node)]
}

/// Splits a configuration file into its blocks.
///
/// - Parameters:
///   - bytes: The file's content, which is not trusted.
///   - path: The file's path, for messages.
///   - problems: Collects what keeps the file or one of its blocks from being read.
/// - Returns: The blocks in the order of the file.
func configurationBlocks(
  bytes: [UInt8], path: String, problems: inout [ConfigurationProblem]
) -> [ConfigurationBlock] {
  let root: Node?
  do {
    root = try yamlTree(bytes: bytes, path: path)
  } catch {
    problems.append(error.problem)
    return []
  }
  guard let root, !isNull(root) else {
    let message = "the file has no settings; expected blocks such as 'model:'"
    problems.append(ConfigurationProblem(location: ConfigurationLocation(path: path), key: nil, message: message))
    return []
  }
  guard case .mapping(let mapping) = root else {
    let message = "expected blocks such as 'model:', found \(described(root))"
    let location = ConfigurationLocation(path: path, mark: root.mark)
    problems.append(ConfigurationProblem(location: location, key: nil, message: message))
    return []
  }
  var blocks: [ConfigurationBlock] = []
  for (key, value) in mapping {
    let location = ConfigurationLocation(path: path, mark: key.mark)
    do {
      try refuseMergeKey(key)
      blocks.append(try ConfigurationBlock(key, value, location: location))
    } catch {
      problems.append(ConfigurationProblem(location: location, key: key.scalar?.string, message: error.message))
    }
  }
  return blocks
}

extension ConfigurationBlock {
  fileprivate init(_ key: Node, _ value: Node, location: ConfigurationLocation) throws(NodeProblem) {
    self.location = location
    name = try scalarText(key, "the name of a block")
    pairs = try pairsOfBlock(value)
  }

  /// The settings of the block, each parsed by the kind of its key.
  ///
  /// - Parameters:
  ///   - type: The configuration whose table of keys gives the kinds.
  ///   - path: The file's path, for messages.
  ///   - problems: Collects what cannot be a setting.
  /// - Returns: The settings in the order of the file.
  func settings<Root: Configurable>(
    for type: Root.Type, path: String, problems: inout [ConfigurationProblem]
  ) -> [ConfigurationSetting] {
    var settings: [ConfigurationSetting] = []
    /// Appends the keys of the block, or of a block inside it, whose keys begin with the prefix.
    func append(_ pairs: [(key: Node, value: Node)], prefix: String) {
      for (key, value) in pairs {
        let location = ConfigurationLocation(path: path, mark: key.mark)
        do {
          try refuseMergeKey(key)
          let keyName = prefix + (try scalarText(key, "a key"))
          if Root.isBlock(keyName) {
            append(try pairsOfBlock(value), prefix: keyName + ".")
            continue
          }
          let kind = Root.key(named: keyName)?.kind
          let converted = try configurationValue(of: value, kind: kind)
          settings.append(ConfigurationSetting(name: keyName, value: converted, location: location))
        } catch {
          let keyName = key.scalar.map { "\(name).\(prefix)\($0.string)" } ?? name
          problems.append(ConfigurationProblem(location: location, key: keyName, message: error.message))
        }
      }
    }
    append(pairs, prefix: "")
    return settings
  }
}

/// The keys of a block with their values; none if it is empty.
private func pairsOfBlock(_ node: Node) throws(NodeProblem) -> [(key: Node, value: Node)] {
  switch node {
  case .mapping(let mapping): return mapping.map { ($0.key, $0.value) }
  case _ where isNull(node): return []
  default: throw NodeProblem(message: "expected a block of keys, found \(described(node))")
  }
}

/// Why a YAML node is not a valid value.
struct NodeProblem: Error {
  let message: String
}

func configurationValue(of node: Node, kind: ConfigurationKind?) throws(NodeProblem) -> ConfigurationValue {
  switch node {
  case .scalar(let scalar):
    guard scalar.style == .plain else { return .text(scalar.string) }
    return kind?.value(of: scalar.string) ?? .guessed(from: scalar.string)
  case .sequence(let sequence):
    if case .records(let fields) = kind {
      return .records(try sequence.map { item throws(NodeProblem) in try record(of: item, fields) })
    }
    return .list(try sequence.map { item throws(NodeProblem) in try scalarText(item, "a text in the list") })
  case .mapping, .alias:
    throw NodeProblem(message: "expected \(kind?.described ?? "a value"), found \(described(node))")
  }
}

/// A record of a list; a string stands for a record with only the first field.
private func record(of node: Node, _ fields: [ConfigurationField]) throws(NodeProblem) -> [String: ConfigurationValue] {
  guard case .mapping(let mapping) = node else {
    return [fields.first?.name ?? "": .text(try scalarText(node, "a text in the list"))]
  }
  var record: [String: ConfigurationValue] = [:]
  for (key, value) in mapping {
    try refuseMergeKey(key)
    let name = try scalarText(key, "a key")
    record[name] = try configurationValue(of: value, kind: fields.first { $0.name == name }?.kind)
  }
  return record
}

/// A YAML 1.1 merge key would import another mapping's keys; here each file states all of its keys.
private func refuseMergeKey(_ key: Node) throws(NodeProblem) {
  guard case .scalar(let scalar) = key, scalar.style == .plain, scalar.string == "<<" else { return }
  throw NodeProblem(message: "merge keys are not supported; write the keys of the other block here, with their values")
}

private func scalarText(_ node: Node, _ role: String) throws(NodeProblem) -> String {
  guard case .scalar(let scalar) = node else {
    throw NodeProblem(message: "expected \(role), found \(described(node))")
  }
  return scalar.string
}

private func isNull(_ node: Node) -> Bool {
  guard case .scalar(let scalar) = node, scalar.style == .plain else { return false }
  return ConfigurationValue.guessed(from: scalar.string) == .null
}

private func described(_ node: Node) -> String {
  switch node {
  case .scalar(let scalar): ConfigurationValue.guessed(from: scalar.string).described
  case .sequence: "a list"
  case .mapping: "a block of keys"
  case .alias: "an alias"
  }
}

extension ConfigurationLocation {
  /// The place that Yams has marked.
  init(path: String, mark: Mark?) {
    self.init(path: path, line: mark?.line, column: mark?.column)
  }
}
