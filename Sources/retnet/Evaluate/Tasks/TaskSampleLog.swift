internal import Configurations
internal import Files
internal import FoundationEssentials
internal import Tasks

/// Writes a JSON line for each question, with the keys of lm-evaluation-harness's `samples_….jsonl`.
final class TaskSampleLog {
  private let file: AtomicFile

  /// - Throws: `FileError`.
  init(path: String) throws { file = try AtomicFile(replacing: path) }

  /// - Parameters:
  ///   - index: The index of the row.
  ///   - row: The row.
  ///   - question: The question, behind its examples.
  ///   - scores: A score for each option.
  ///   - added: What the question adds to each metric.
  ///   - task: The task.
  /// - Throws: `FileError`.
  func write(
    _ index: Int, _ row: TaskRow, _ question: TaskQuestion, _ scores: [OptionScore], _ added: [TaskMetric: Double],
    _ task: Task
  ) throws {
    let target = question.target
    // A whole text has no context, and its answer is a number only.
    let isWhole = task.kind == .rolling
    let responses = scores.map { score in
      isWhole
        ? Response.number(score.logLikelihood.description)
        : .pair([score.logLikelihood.description, score.isGreedy ? "True" : "False"])
    }
    let arguments = question.options.map { option in
      isWhole ? [option.continuation.word] : [option.context.word, option.continuation.word]
    }
    var sample = Sample(
      task: task.name, doc_id: index, doc: row.members, target: target,
      arguments: Self.numbered(arguments.map { Self.numbered($0, "arg_") }, "gen_args_"),
      resps: responses.map { [$0] }, filtered_resps: responses, metrics: added.keys.map(\.rawValue).sorted(),
      prompt_hash: Self.hash(arguments[0][0]), target_hash: Self.hash(target))
    sample.set(added)
    try file.write(Array((sortedJSON(sample) + "\n").utf8))
  }

  /// Ends the file.
  func commit() throws { try file.commit() }

  /// Values with their numbers behind a name as keys.
  private static func numbered<Value>(_ values: [Value], _ name: String) -> [String: Value] {
    Dictionary(uniqueKeysWithValues: values.enumerated().map { ("\(name)\($0)", $1) })
  }

  private static func hash(_ text: String) -> String { SHA256Digest(of: Array(text.utf8)).description }
}

/// The log-likelihood of a whole text, or that of an option and whether it is the most likely one.
private enum Response: Encodable {
  case number(String)
  case pair([String])

  func encode(to encoder: any Encoder) throws {
    switch self {
    case .number(let number): try number.encode(to: encoder)
    case .pair(let pair): try pair.encode(to: encoder)
    }
  }
}

/// A line of the log. The names are the harness's keys.
private struct Sample: Encodable {
  let task: String
  let doc_id: Int
  let doc: [String: TaskValue]
  let target: String
  let arguments: [String: [String: String]]
  let resps: [[Response]]
  let filtered_resps: [Response]
  var filter = "none"
  let metrics: [String]
  let prompt_hash: String
  let target_hash: String
  var acc: Double?
  var acc_norm: Double?
  var acc_bytes: Double?
  var perplexity: Double?

  mutating func set(_ added: [TaskMetric: Double]) {
    (acc, acc_norm, acc_bytes) = (added[.acc], added[.accNorm], added[.accBytes])
    perplexity = added[.perplexity]
  }
}

extension TaskText {
  /// The text; ids are separated by spaces.
  fileprivate var word: String {
    switch self {
    case .text(let text): text
    case .ids(let ids): ids.map { "\($0)" }.joined(separator: " ")
    }
  }
}
