/// A task: how rows of a data set become questions, and which figures their answers give.
///
/// Its rules and its names are those of lm-evaluation-harness 0.4.13.
package struct Task: Sendable {
  /// What is asked of the model.
  package enum Kind: Sendable {
    /// Which of several texts is the most likely one.
    case choice
    /// Whether the last word of a text is the most likely one.
    case lastWord
    /// How likely a whole text is.
    case rolling
  }

  /// The rows that examples before a question are drawn from.
  package enum ExamplePool: Equatable, Sendable {
    /// Those of another file, which holds the part of the data set with this name.
    case part(String)
    /// The evaluated ones.
    case evaluated
  }

  package let name: String
  /// The version of its rules.
  package let version: Int
  package let kind: Kind
  package let metrics: [TaskMetric]
  package let pool: ExamplePool
  /// Whether the evaluated row is taken out of the rows that were drawn.
  package let leavesOutQuestion: Bool
  /// Makes a question of a row.
  package let question: @Sendable (TaskRow) throws(TaskError) -> TaskQuestion

  package init(
    _ name: String, version: Int, kind: Kind = .choice, _ metrics: [TaskMetric], pool: ExamplePool,
    leavesOutQuestion: Bool, question: @escaping @Sendable (TaskRow) throws(TaskError) -> TaskQuestion
  ) {
    (self.name, self.version, self.kind, self.metrics) = (name, version, kind, metrics)
    (self.pool, self.leavesOutQuestion, self.question) = (pool, leavesOutQuestion, question)
  }
}

/// A figure of a task.
package enum TaskMetric: String, CaseIterable, Sendable {
  /// The share of rows whose most likely choice is the right one, or whose last word is the most likely one.
  case acc
  /// The same with log-likelihoods divided by the choice's code points.
  case accNorm = "acc_norm"
  /// The same with log-likelihoods divided by the choice's bytes.
  case accBytes = "acc_bytes"
  /// exp of the mean negative log-likelihood of a last word.
  case perplexity
  case wordPerplexity = "word_perplexity"
  case bytePerplexity = "byte_perplexity"
  case bitsPerByte = "bits_per_byte"

  package var isHigherBetter: Bool {
    switch self {
    case .acc, .accNorm, .accBytes: true
    case .perplexity, .wordPerplexity, .bytePerplexity, .bitsPerByte: false
    }
  }
}

/// A text, or token ids in its place.
package enum TaskText: Equatable, Sendable {
  case text(String)
  case ids([Int32])

  var isEmpty: Bool {
    switch self {
    case .text(let text): text.isEmpty
    case .ids(let ids): ids.isEmpty
    }
  }
}

/// A row as a question.
package struct TaskQuestion: Equatable, Sendable {
  /// A context and what may follow it.
  package struct Option: Equatable, Sendable {
    /// What the model reads.
    package let context: TaskText
    /// What is scored, with the space before it.
    package let continuation: TaskText
    /// The choice as the row has it, whose length divides its log-likelihood.
    package let choice: TaskText

    package init(context: TaskText, continuation: TaskText, choice: TaskText) {
      (self.context, self.continuation, self.choice) = (context, continuation, choice)
    }
  }

  package let options: [Option]
  /// The index of the right option; 0 if there is one option.
  package let gold: Int
  /// The question with its answer, as it stands before other questions; nil if it has ids instead of texts.
  package let example: String?
  /// What the harness logs as the target: the index of the right choice, or a text.
  package let target: String

  package init(options: [Option], gold: Int, example: String?, target: String) {
    (self.options, self.gold, self.example, self.target) = (options, gold, example, target)
  }

  /// A question whose choices follow one context.
  ///
  /// - Parameters:
  ///   - row: The row, for errors.
  ///   - context: The context.
  ///   - choices: The texts that may follow it, after a space.
  ///   - gold: The index of the right one.
  ///   - target: See the property; nil: the index.
  /// - Throws: `TaskError.row` for an empty choice, fewer than two, or an index outside of them.
  init(
    _ row: TaskRow, context: TaskText, choices: [TaskText], gold: Int, target: String? = nil
  ) throws(TaskError) {
    try Self.check(row, choices, gold)
    self.init(
      options: choices.map { Option(context: context, continuation: $0.afterSpace, choice: $0) }, gold: gold,
      example: Self.example(context, choices[gold]), target: target ?? "\(gold)")
  }

  /// A question whose choices are contexts of one continuation.
  ///
  /// - Parameters:
  ///   - row: The row, for errors.
  ///   - contexts: The choices.
  ///   - continuation: The text that follows each of them, after a space.
  ///   - gold: The index of the right one.
  /// - Throws: As above.
  init(_ row: TaskRow, contexts: [String], continuation: String, gold: Int) throws(TaskError) {
    let contexts = contexts.map { TaskText.text($0) }
    try Self.check(row, contexts, gold)
    let text = TaskText.text(continuation)
    self.init(
      options: contexts.map { Option(context: $0, continuation: text.afterSpace, choice: $0) }, gold: gold,
      example: Self.example(contexts[gold], text), target: continuation)
  }

  private static func check(_ row: TaskRow, _ choices: [TaskText], _ gold: Int) throws(TaskError) {
    guard choices.count >= 2 else { throw row.failure("expected two choices or more, found \(choices.count)") }
    if let empty = choices.firstIndex(where: \.isEmpty) {
      throw row.failure("choice \(empty + 1): expected text, found none")
    }
    guard choices.indices.contains(gold) else {
      throw row.failure("expected a right choice from 0 to \(choices.count - 1), found \(gold)")
    }
  }

  /// A question and its answer, as they stand before other questions.
  static func example(_ question: TaskText, _ answer: TaskText) -> String? {
    guard case .text(let question) = question, case .text(let answer) = answer else { return nil }
    return answer.isEmpty ? question : "\(question) \(answer)\n\n"
  }

  /// The same question behind examples.
  ///
  /// - Parameter examples: The texts of the examples.
  /// - Returns: A question whose contexts start with them; ids stay as they are.
  package func after(_ examples: String) -> TaskQuestion {
    TaskQuestion(
      options: options.map { option in
        guard case .text(let context) = option.context else { return option }
        return Option(context: .text(examples + context), continuation: option.continuation, choice: option.choice)
      }, gold: gold, example: example, target: target)
  }
}

extension TaskText {
  /// The text behind a space; ids stay as they are.
  fileprivate var afterSpace: TaskText {
    if case .text(let text) = self { .text(" " + text) } else { self }
  }
}
