internal import Files
internal import Inference
internal import Modeling
internal import Tasks
internal import Tensors
internal import Tokenization

/// The result of a task.
struct TaskResult {
  let task: Task
  let exampleCount: Int
  /// The rows of the file, and those that were evaluated.
  let (rowCount, evaluatedCount): (Int, Int)
  let figures: [TaskFigure]
  let chance: Double?
  let seconds: Double
}

/// Evaluates a model on tasks.
struct TaskEvaluation {
  let model: LoadedModel
  /// BOS, if contexts start with it.
  let bosID: Int32?
  let precision: ProductPrecision
  let global: GlobalOptions

  static let usualSeed: UInt64 = 1234
  /// The resamples for the standard error of a perplexity.
  static let resamples = 100_000

  /// Throws what ids in rows would throw at their turn. What texts become is known when they are encoded.
  ///
  /// - Parameter rows: The rows of a task.
  /// - Throws: `TaskError`, `CommandError`.
  func checkIDs(_ rows: TaskRows) throws {
    for row in rows.evaluated {
      for option in try rows.task.question(row).options where option.hasIDs { _ = try continuation(option, row) }
    }
  }

  /// Evaluates a task.
  ///
  /// - Parameters:
  ///   - rows: The task and its rows.
  ///   - log: Receives each question; nil: nobody does.
  ///   - pool: Where the work runs.
  /// - Returns: Its figures.
  /// - Throws: `TaskError`, `CommandError`, the errors of files, and the status of a signal.
  func result(_ rows: TaskRows, log: TaskSampleLog?, on pool: WorkerPool) throws -> TaskResult {
    let (task, count) = (rows.task, rows.evaluated.count)
    var sampler = rows.sampler
    var scorer = ContinuationScorer(model.network, precision: precision, on: pool)
    var score = TaskScore(task)
    var progress = ProgressLine(task.name, unit: "rows", total: count, style: global.progressStyle)
    defer { progress.leaveLine() }
    let start = ContinuousClock.now
    for (index, row) in rows.evaluated.enumerated() {
      if StopSignals.received != nil { throw StopSignals.exit }
      let question = try task.question(row).after(sampler.examples(before: row))
      let continuations = try question.options.map { try continuation($0, row) }
      let scores = scorer.scores(of: continuations).map {
        OptionScore(logLikelihood: $0.logLikelihood, isGreedy: $0.isGreedy)
      }
      guard scores.allSatisfy(\.logLikelihood.isFinite) else {
        throw model.notFinite("of \(row.path), line \(row.line)", state: nil)
      }
      let added = score.add(question, scores)
      try log?.write(index, row, question, scores, added, task)
      progress.update(done: index + 1)
    }
    let seconds = (ContinuousClock.now - start).inSeconds
    guard let figures = score.figures(resamples: Self.resamples, shouldStop: { StopSignals.received != nil })
    else { throw StopSignals.exit }
    return TaskResult(
      task: task, exampleCount: rows.exampleCount, rowCount: rows.count, evaluatedCount: count, figures: figures,
      chance: score.chance, seconds: seconds)
  }

  // MARK: - Tokens

  /// The ids of an option, split as lm-evaluation-harness splits them: spaces at the end of the context belong to the
  /// continuation, and the continuation has the ids of the whole text behind as many as the context has alone.
  func continuation(_ option: TaskQuestion.Option, _ row: TaskRow) throws -> Continuation {
    let found: Continuation
    switch (option.context, option.continuation) {
    case (.ids(let context), .ids(let tokens)):
      try check(context + tokens, row)
      found = Continuation(after: context, tokens)
    case (.text(""), .ids(let tokens)):
      try check(tokens, row)
      found = try afterPrefix(tokens)
    case (.text(let context), .text(let text)): found = try continuation(context, text)
    case (.ids, .text), (.text, .ids):
      throw CommandError(
        .badData, "\(row.path): line \(row.line): expected texts or ids for context and choices, found both")
    }
    guard !found.tokens.isEmpty else {
      throw CommandError(
        .badData,
        "\(row.path): line \(row.line): expected ids of a choice's own, found none: its text joins the last piece of the context"
      )
    }
    return found
  }

  private func continuation(_ context: String, _ text: String) throws -> Continuation {
    let tokenizer = try model.tokenizer(for: "--tasks")
    guard !context.isEmpty else { return try afterPrefix(tokenizer.encode(Array(text.utf8))) }
    let kept = String(context.unicodeScalars.dropLast(context.trailingSpaceCount))
    let bos = bosID.map { [$0] } ?? []
    let contextIDs = bos + (try tokenizer.encode(Array(kept.utf8)))
    let all = bos + (try tokenizer.encode(Array((context + text).utf8)))
    guard !contextIDs.isEmpty else { return try afterPrefix(all) }
    return Continuation(after: contextIDs, Array(all.dropFirst(contextIDs.count)))
  }

  /// Tokens without a context follow BOS, else EOS, unless they start with it.
  private func afterPrefix(_ tokens: [Int32]) throws -> Continuation {
    let configuration = model.header.configuration
    guard let prefix = (configuration.bosID ?? configuration.eosID).map({ Int32($0) }) else {
      throw CommandError(
        .badData, "\(model.header.path): expected BOS or EOS, which an empty context stands for, found none")
    }
    return tokens.first == prefix
      ? Continuation(after: [prefix], Array(tokens.dropFirst())) : Continuation(after: [prefix], tokens)
  }

  private func check(_ ids: [Int32], _ row: TaskRow) throws {
    let size = model.header.configuration.vocabularySize
    if let id = ids.first(where: { !(0..<size ~= Int($0)) }) {
      throw CommandError(
        .badData, "\(row.path): line \(row.line): expected ids below \(size), the model's vocabulary, found \(id)")
    }
  }
}

extension TaskQuestion.Option {
  fileprivate var hasIDs: Bool {
    if case .ids = context { return true }
    if case .ids = continuation { return true }
    return false
  }
}
