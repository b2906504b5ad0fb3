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
    let responses = scores.map { [$0.logLikelihood.description, $0.isGreedy ? "True" : "False"] }
    var sample = Sample(
      task: task.name, doc_id: index, doc: row.members, target: target,
      arguments: Dictionary(
        uniqueKeysWithValues: question.options.enumerated().map { number, option in
          ("gen_args_\(number)", ["arg_0": option.context.word, "arg_1": option.continuation.word])
        }),
      resps: responses.map { [$0] }, filtered_resps: responses, metrics: added.keys.map(\.rawValue).sorted(),
      prompt_hash: Self.hash(question.options[0].context.word), target_hash: Self.hash(target))
    sample.set(added)
    try file.write(Array((sortedJSON(sample) + "\n").utf8))
  }

  /// Ends the file.
  func commit() throws { try file.commit() }

  private static func hash(_ text: String) -> String { SHA256Digest(of: Array(text.utf8)).description }
}

/// A line of the log. The names are the harness's keys.
private struct Sample: Encodable {
  let task: String
  let doc_id: Int
  let doc: [String: TaskValue]
  let target: String
  let arguments: [String: [String: String]]
  let resps: [[[String]]]
  let filtered_resps: [[String]]
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
