internal import Configurations
internal import Files
internal import Yams

/// Parses YAML into a tree of nodes, after checking limits of size, depth and aliases.
///
/// - Parameters:
///   - bytes: The file's content.
///   - path: The file's path, for messages.
/// - Returns: The root; nil if the file holds only white space and comments.
/// - Throws: The first problem, because nothing can be parsed after it.
func yamlTree(bytes: [UInt8], path: String) throws(YAMLProblem) -> Node? {
  let file = ConfigurationLocation(path: path)
  if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
    throw YAMLProblem(
      "expected UTF-8 text, found other bytes, which look like UTF-16; save it as UTF-8", location: file)
  }
  // Some editors write a byte order mark before UTF-8; Yams would count it as a column.
  let bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
  guard bytes.count <= ConfigurationFile.largestByteCount else {
    throw YAMLProblem("expected at most \(ConfigurationFile.largestByteCount) bytes, found more", location: file)
  }
  guard let text = String(validating: bytes, as: UTF8.self) else {
    throw YAMLProblem("expected UTF-8 text, found other bytes", location: placeOfInvalidBytes(bytes, path: path))
  }
  // An alias costs a few bytes and repeats everything at its anchor. Yams hashes keys, and a few dozen nested aliases
  // in a key would take forever.
  let aliases = aliasCount(bytes)
  guard aliases <= 8 else {
    throw YAMLProblem("expected at most 8 aliases, found \(aliases) times '*name'", location: file)
  }
  do {
    // The encoding is given because Yams would otherwise read it from the environment.
    return try Parser(yaml: text, encoding: .utf8).singleRoot()
  } catch {
    throw YAMLProblem(error, text: text, path: path)
  }
}

/// Reads a YAML file of keys and values.
///
/// - Parameters:
///   - path: The path of the file.
///   - expected: What it should hold, for messages.
/// - Returns: Its keys and values.
/// - Throws: `FileError`; `CommandError` with status 78 for anything else.
func yamlMapping(path: String, expected: String) throws -> Node.Mapping {
  let name = StreamPath.inputName(path)
  let text = try ConfigurationText(path: path)
  let tree: Node?
  do {
    tree = try yamlTree(bytes: text.bytes, path: name)
  } catch {
    throw CommandError(.badConfiguration, error.problem.description)
  }
  guard let mapping = tree?.mapping else {
    throw CommandError(.badConfiguration, "\(name): expected \(expected), found something else")
  }
  return mapping
}

/// Why a file cannot be parsed as YAML.
struct YAMLProblem: Error {
  let problem: ConfigurationProblem

  init(_ message: String, location: ConfigurationLocation, key: String? = nil) {
    problem = ConfigurationProblem(location: location, key: key, message: message)
  }
}

extension YAMLProblem {
  fileprivate init(_ error: any Error, text: String, path: String) {
    switch error as? YamlError {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let isTab = character(at: mark, in: text) == "\t"
      let advice = isTab ? " (a tab; YAML is indented with spaces)" : ""
      let message = [context?.text, problem].compactMap(\.self).joined(separator: ": ") + advice
      self.init(message, location: ConfigurationLocation(path: path, mark: mark))
    case .duplicatedKeysInMapping(let names, let context):
      let location = ConfigurationLocation(path: path, mark: context.mark)
      self.init("duplicate key, first here", location: location, key: names.first)
    case .reader(let problem, let offset, _, _):
      let line = offset.map { text.prefix($0).count { $0.isNewline } + 1 }
      self.init(problem, location: ConfigurationLocation(path: path, line: line))
    default:
      self.init("not readable as YAML", location: ConfigurationLocation(path: path))
    }
  }
}

private func character(at mark: Mark, in text: String) -> Unicode.Scalar? {
  let lines = text.split(separator: "\n", maxSplits: mark.line, omittingEmptySubsequences: false)
  guard mark.line >= 1, mark.line <= lines.count, mark.column >= 1 else { return nil }
  return lines[mark.line - 1].unicodeScalars.dropFirst(mark.column - 1).first
}

private func placeOfInvalidBytes(_ bytes: [UInt8], path: String) -> ConfigurationLocation {
  var decoder = UTF8()
  var iterator = bytes.makeIterator()
  var (line, column) = (1, 1)
  while true {
    switch decoder.decode(&iterator) {
    case .scalarValue("\n"): (line, column) = (line + 1, 1)
    case .scalarValue: column += 1
    case .error, .emptyInput: return ConfigurationLocation(path: path, line: line, column: column)
    }
  }
}

/// The number of possible aliases: `*` where a value can start, followed by a name.
private func aliasCount(_ bytes: [UInt8]) -> Int {
  var count = 0
  var before = UInt8(ascii: "\n")
  for (byte, next) in zip(bytes, bytes.dropFirst()) {
    // 0x80 and above: the last byte of a byte order mark or of a Unicode line break.
    let canBegin = before >= 0x80 || " \t\r\n[{,:?-".utf8.contains(before)
    if byte == UInt8(ascii: "*"), canBegin, !" \t\r\n*".utf8.contains(next) { count += 1 }
    before = byte
  }
  return count
}
