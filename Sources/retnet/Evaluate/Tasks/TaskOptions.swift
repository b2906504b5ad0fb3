internal import ArgumentParser
internal import Files
internal import Tasks

/// The options for zero- and few-shot tasks.
struct TaskOptions: ParsableArguments {
  static let standardNames = Task.standard.map(\.name)

  @Option(
    help: ArgumentHelp(
      "Tasks, separated by commas: names (\(standardNames.joined(separator: ", "))) or YAML files of your own.",
      valueName: "hellaswag,mine.yaml"))
  var tasks: String?

  @Option(
    help: ArgumentHelp("Folder with the rows of tasks, as NAME.jsonl and NAME.train.jsonl.", valueName: "dir"),
    completion: .directory)
  var data: String?

  @Option(help: ArgumentHelp("Examples before each question; 0.", valueName: "k"))
  var numFewshot: Int?

  @Option(
    help: ArgumentHelp("Evaluate the first n rows of each task, or this share of them if below 1.", valueName: "n"))
  var limit: Double?

  @Option(help: ArgumentHelp("Seed of the examples; 1234, as in lm-evaluation-harness.", valueName: "seed"))
  var fewshotSeed: UInt64?

  @Option(
    help: ArgumentHelp("Write the results as JSON with the keys of lm-evaluation-harness.", valueName: "results.json"),
    completion: .file())
  var results: String?

  @Option(
    help: ArgumentHelp(
      "Write a JSON line for each question: texts, log-likelihoods, figures.", valueName: "samples.jsonl"),
    completion: .file())
  var logSamples: String?

  /// The entries of `--tasks`.
  var names: [String] { tasks?.split(separator: ",").map { $0.drop { $0 == " " }.withoutSpacesAtEnd } ?? [] }

  /// The flags that need `--tasks`, and whether they are given.
  private var dependent: [(String, Bool)] {
    [
      ("--data", data != nil), ("--num-fewshot", numFewshot != nil), ("--limit", limit != nil),
      ("--fewshot-seed", fewshotSeed != nil), ("--results", results != nil), ("--log-samples", logSamples != nil),
    ]
  }

  func validate() throws {
    guard tasks != nil else {
      if let name = dependent.first(where: \.1)?.0 { throw ValidationError("\(name): expected together with --tasks") }
      return
    }
    guard !names.isEmpty else { throw ValidationError("--tasks: expected names, found none") }
    if let twice = names.enumerated().first(where: { names[..<$0.offset].contains($0.element) })?.element {
      throw ValidationError("--tasks: '\(twice)' is given twice")
    }
    if let numFewshot, !(0...1000 ~= numFewshot) {
      throw ValidationError("--num-fewshot: expected 0 to 1000, found \(numFewshot)")
    }
    if let limit, !(limit > 0 && limit.isFinite && (limit < 1 || limit == limit.rounded())) {
      throw ValidationError("--limit: expected a whole number from 1 or a share below 1, found \(limit)")
    }
  }

  /// The tasks with their rows.
  ///
  /// - Throws: `CommandError` for what is no task, given twice, or no folder; `TaskError`, `FileError`.
  func rows() throws -> [TaskRows] {
    if let data, fileExists(path: data), !isFolder(path: data) {
      throw CommandError(.inputMissing, "--data: \(data): expected a folder with the rows of tasks, found a file")
    }
    let sources = try names.map { try TaskSource($0, in: data) }
    let names = sources.map(\.task.name)
    if let twice = names.indices.first(where: { names[..<$0].contains(names[$0]) }) {
      throw CommandError(.usage, "--tasks: expected different tasks, found '\(names[twice])' twice")
    }
    return try sources.map { try $0.rows(self) }
  }

  /// The number of rows to evaluate.
  func rowCount(of all: Int) -> Int {
    guard let limit else { return all }
    return Int(min(Double(all), limit < 1 ? (Double(all) * limit).rounded(.up) : limit))
  }
}
