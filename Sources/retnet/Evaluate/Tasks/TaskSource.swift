internal import Configurations
internal import Corpora
internal import Files
internal import FoundationEssentials
internal import Tasks
internal import Yams

/// A task with the files of its rows.
struct TaskSource {
  let task: Task
  /// The file of the evaluated rows.
  let rowsPath: String
  /// The file of the rows that examples are drawn from; nil: the evaluated ones.
  let examplesPath: String?

  /// Finds a task.
  ///
  /// - Parameters:
  ///   - name: A name of `Task.standard`, or the path of a YAML file.
  ///   - folder: The folder of `--data`.
  /// - Throws: `CommandError` for an unknown name, or without a folder for a name; the errors of a YAML file.
  init(_ name: String, in folder: String?) throws {
    if let task = Task.standard.first(where: { $0.name == name }) {
      guard let folder else {
        throw CommandError(
          .usage, "--tasks: \(name): expected --data DIR with \(name).jsonl, found none",
          hint: "docs/EVALUATION.md says which public files go there")
      }
      var examplesPath: String?
      if case .part(let part) = task.pool { examplesPath = "\(folder)/\(name).\(part).jsonl" }
      self.init(task: task, rowsPath: "\(folder)/\(name).jsonl", examplesPath: examplesPath)
      return
    }
    guard name.hasSuffix(".yaml") || name.hasSuffix(".yml") else {
      let match = closestMatch(to: name, among: TaskOptions.standardNames).map { "did you mean '\($0)'?" }
      throw CommandError(
        .usage,
        "--tasks: expected \(TaskOptions.standardNames.joined(separator: ", ")) or a YAML file, found '\(name)'",
        hint: match)
    }
    self = try TaskFile(path: name).source(in: folder)
  }

  init(task: Task, rowsPath: String, examplesPath: String?) {
    self.task = task
    self.rowsPath = Self.stored(rowsPath)
    self.examplesPath = examplesPath.map(Self.stored)
  }

  /// A file's path, with the ending of a compressed one if only that is there.
  private static func stored(_ path: String) -> String {
    ["", ".gz", ".zst", ".xz"].map { path + $0 }.first { fileExists(path: $0) } ?? path
  }

  /// Reads the rows and checks all that will be used, so that a bad one is not found after hours.
  ///
  /// - Parameter options: How many rows are evaluated, and after how many examples.
  /// - Returns: The rows.
  /// - Throws: `TaskError`, `FileError`; `CommandError` for examples before whole texts.
  func rows(_ options: TaskOptions) throws -> TaskRows {
    let size = options.numFewshot ?? 0
    if size > 0, task.kind == .rolling {
      throw CommandError(.usage, "--num-fewshot: \(task.name): expected 0 for a task about whole texts, found \(size)")
    }
    let rows = try Self.read(rowsPath)
    let examples = try size == 0 ? [] : examplesPath.map { try Self.read($0) } ?? rows
    let found = TaskRows(
      task: task, count: rows.count, evaluated: Array(rows.prefix(options.rowCount(of: rows.count))),
      exampleCount: size,
      sampler: ExampleSampler(
        task, size: size, from: examples, path: examplesPath ?? rowsPath,
        seed: options.fewshotSeed ?? TaskEvaluation.usualSeed))
    try found.sampler.check(found.evaluated)
    return found
  }

  /// The rows of a file, at least one.
  private static func read(_ path: String) throws -> [TaskRow] {
    let source = try ByteSource(path: path, stopsAtSignals: true)
    try FileRole.rows.check(source, waits: true)
    let reader = TextReader(source)
    var rows: [TaskRow] = []
    try reader.forEachRecord { line, number in
      rows.append(try TaskRow(json: Data(line.copied), path: source.name, line: number))
    }
    guard !rows.isEmpty else { throw TaskError.noRows(path: source.name) }
    return rows
  }
}

/// The rows of a task, of which those that are used have been checked.
struct TaskRows {
  let task: Task
  /// The number of rows of the file.
  let count: Int
  let evaluated: [TaskRow]
  /// The number of examples before each question.
  let exampleCount: Int
  let sampler: ExampleSampler
}

/// A task of the user's: a YAML file (docs/EVALUATION.md).
struct TaskFile {
  private let path: String
  private let values: [String: Node]

  private static let keys = ["task", "kind", "rows", "examples", "context", "choices", "gold", "text"]

  /// - Throws: `CommandError` with status 78 for what is no such file.
  init(path: String) throws {
    self.path = path
    var values: [String: Node] = [:]
    for (key, value) in try yamlMapping(path: path, expected: "keys and values of a task") {
      guard let name = key.scalar?.string, Self.keys.contains(name) else {
        let word = key.scalar?.string ?? "a list or mapping"
        let match = closestMatch(to: word, among: Self.keys).map { "did you mean '\($0)'?" }
        throw CommandError(
          .badConfiguration, "\(path): expected \(Self.keys.joined(separator: ", ")), found '\(word)'", hint: match)
      }
      values[name] = value
    }
    self.values = values
  }

  /// The task and its files; paths are relative to the folder of the YAML file.
  ///
  /// - Parameter folder: The folder of `--data`, for a task that names no file of rows.
  /// - Returns: The task.
  /// - Throws: `CommandError` with status 78, `TaskError.template`.
  func source(in folder: String?) throws -> TaskSource {
    let name = try text("task")
    guard !name.isEmpty, !name.contains("/") else {
      throw problem("task", "expected a name without '/', found '\(name)'")
    }
    let rows = try file("rows") ?? folder.map { "\($0)/\(name).jsonl" }
    guard let rows else { throw problem("rows", "expected a file of JSON lines, or --data, found none") }
    let examples = try file("examples")
    let pool = examples == nil ? Task.ExamplePool.evaluated : .part("examples")
    let kind = try values["kind"].map { _ in try text("kind") } ?? "choice"
    switch kind {
    case "choice":
      try refuse(["text"], kind)
      let choices: [TaskTemplate]
      if let list = values["choices"]?.sequence {
        guard !list.isEmpty else {
          throw problem("choices", "expected two templates or more, or one field with a list, found an empty list")
        }
        choices = try list.map { node in
          guard let scalar = node.scalar else { throw problem("choices", "expected texts, found something else") }
          return try TaskTemplate(scalar.string, key: "\(path): choices")
        }
      } else {
        choices = [try template("choices")]
      }
      let templates = TaskTemplates(context: try template("context"), choices: choices, gold: try template("gold"))
      return TaskSource(task: Task(name, choices: templates, pool: pool), rowsPath: rows, examplesPath: examples)
    case "last-word":
      try refuse(["context", "choices", "gold"], kind)
      return TaskSource(
        task: Task(name, lastWordOf: try template("text"), pool: pool), rowsPath: rows, examplesPath: examples)
    case "rolling":
      try refuse(["context", "choices", "gold", "examples"], kind)
      return TaskSource(task: Task(name, rolling: try template("text")), rowsPath: rows, examplesPath: nil)
    default: throw problem("kind", "expected choice, last-word or rolling, found '\(kind)'")
    }
  }

  /// The path of a file beside this one; nil if the key is missing.
  private func file(_ key: String) throws -> String? {
    guard values[key] != nil else { return nil }
    let other = try text(key)
    guard !other.isEmpty else { throw problem(key, "expected the name of a file, found an empty text") }
    guard !other.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return other }
    return path[...slash] + other
  }

  private func template(_ key: String) throws -> TaskTemplate { try TaskTemplate(text(key), key: "\(path): \(key)") }

  private func text(_ key: String) throws -> String {
    guard let value = values[key] else { throw problem(key, "expected a text, found none") }
    guard let scalar = value.scalar else { throw problem(key, "expected a text, found a list or mapping") }
    return scalar.string
  }

  private func refuse(_ keys: [String], _ kind: String) throws {
    if let key = keys.first(where: { values[$0] != nil }) { throw problem(key, "the kind \(kind) does not use it") }
  }

  private func problem(_ key: String, _ message: String) -> CommandError {
    CommandError(.badConfiguration, "\(path): \(key): \(message)")
  }
}
