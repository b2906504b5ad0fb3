internal import Inference
internal import Modeling
internal import Tensors

/// The measurements of a report, with their progress.
struct LossReportRun {
  private let evaluation: Evaluation
  private let global: GlobalOptions
  private let pool: WorkerPool

  init(_ evaluation: Evaluation, _ global: GlobalOptions, on pool: WorkerPool) {
    (self.evaluation, self.global, self.pool) = (evaluation, global, pool)
  }

  private var network: LanguageModel { evaluation.text.model.network }

  /// Scores every token of the texts.
  ///
  /// - Parameter body: Receives each token with its piece and what it adds to the text.
  /// - Throws: Errors of reading; `CommandError` if the texts are not those that were evaluated.
  func scoreTokens(_ body: (ScoredToken, _ piece: String, _ bytes: [UInt8]?) throws -> Void) throws {
    var scorer = TokenScorer(network, form: evaluation.form, on: pool)
    var pieces = TokenPieces(evaluation.text.model.tokenizer)
    var progress = ProgressLine("tokens", unit: "tokens", total: evaluation.score.tokens, style: global.progressStyle)
    var scored = 0
    func take(_ token: ScoredToken) throws {
      if token.position == 1 { pieces.startDocument() }
      if token.score != nil { scored += 1 }
      progress.update(done: scored)
      try body(token, pieces.piece(of: token.id), pieces.nextBytes(token.id))
    }
    try evaluation.text.forEachPart { part in
      switch part {
      case .start: try scorer.startDocument(bos: evaluation.bosID, take)
      case .ids(let ids): try scorer.append(ids, take)
      case .masked(let ids, let unscored): try scorer.append(ids, unscored: unscored, take)
      case .end: break
      }
    }
    try scorer.finish(take)
    progress.leaveLine()
    guard scored == evaluation.score.tokens else {
      throw CommandError(
        .badData,
        "\(evaluation.name): expected the \(grouped(evaluation.score.tokens)) scored tokens of the evaluation, "
          + "found \(grouped(scored)); the text was changed meanwhile")
    }
  }

  /// Measures sampled tokens with limited contexts.
  ///
  /// - Parameters:
  ///   - windows: The tokens before each sampled token, and that token.
  ///   - positions: Their losses with the whole history.
  ///   - contexts: Numbers of tokens.
  ///   - counts: At how many of the tokens each context is measured.
  /// - Returns: A row for each context.
  func horizon(
    _ windows: [[Int32]], of positions: [PositionSample.Position], contexts: [Int], counts: [Int]
  ) -> [LossFindings.Row] {
    let horizon = ContextHorizon(network, form: evaluation.form, on: pool)
    let total = zip(contexts, counts).reduce(0) { $0 + $1.0 * $1.1 }
    var progress = ProgressLine("horizon", unit: "tokens", total: total, style: global.progressStyle)
    var done = 0
    let rows = zip(contexts, counts).map { context, count in
      let losses = horizon.losses(of: Array(windows.prefix(count)), context: context, bos: evaluation.bosID) {
        progress.update(done: done + $0 * context)
      }
      done += count * context
      return LossFindings.Row(
        context: context, loss: LossMean(losses),
        difference: LossMean(zip(losses, positions).map { $0 - $1.loss }))
    }
    progress.leaveLine()
    return rows
  }

  /// Measures the last tokens of a document after longer and longer contexts, and after the whole document.
  ///
  /// - Parameters:
  ///   - ending: The end of the document.
  ///   - contexts: Numbers of tokens.
  ///   - tail: The most tokens that are scored.
  /// - Returns: A row for each context; none if none of the last tokens is scored.
  func extrapolation(_ ending: ReportText.Ending, contexts: [Int], tail: Int) -> [LossFindings.Row] {
    guard let last = contexts.last else { return [] }
    let tail = min(tail, ending.ids.count - last)
    let whole = ending.ids.count - tail
    let contexts = contexts + (ending.isWhole && whole > last ? [whole] : [])
    var progress = ProgressLine(
      "extrapolation", unit: "tokens", total: contexts.reduce(0) { $0 + $1 + tail }, style: global.progressStyle)
    var (rows, shortest, done) = ([LossFindings.Row](), [Double](), 0)
    for context in contexts {
      var scorer = TokenScorer(network, form: evaluation.form, on: pool)
      var losses: [Double] = []
      func take(_ token: ScoredToken) {
        if let score = token.score { losses.append(-score.logProbability) }
        done += 1
        progress.update(done: done)
      }
      let first = whole - context
      let isUnscored = (first..<ending.ids.count).map { $0 < whole || !ending.isScored[$0] }
      scorer.startDocument(bos: evaluation.bosID, take)
      scorer.append(
        Array(ending.ids[first...]), unscored: isUnscored.indices.filter { isUnscored[$0] }.map { $0..<$0 + 1 }, take)
      scorer.finish(take)
      guard !losses.isEmpty else { return [] }
      if rows.isEmpty { shortest = losses }
      rows.append(
        LossFindings.Row(
          context: context, loss: LossMean(losses), difference: LossMean(zip(losses, shortest).map { $0 - $1 })))
    }
    progress.leaveLine()
    return rows
  }
}
