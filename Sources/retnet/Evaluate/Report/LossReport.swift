internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Reports
internal import Tensors
internal import Tokenization

/// The files of `eval --report`: where the loss of a text is.
///
/// The text is read twice more: once to score every token, and once to find the contexts of sampled tokens. Memory does
/// not grow with the text.
struct LossReport {
  private let folder: String

  /// The most sampled tokens of the horizon, and the longest context.
  private static let (samples, longestContext) = (512, 4_096)
  /// The tokens that all contexts of the horizon together may take: a report of a short text should not take much longer
  /// than its evaluation.
  private static func budget(_ tokens: Int) -> Int { 8 * min(50_000, tokens) }
  private static let seed: UInt64 = 0
  /// The contexts of the extrapolation, and the tokens that are scored after each.
  private static let longContexts = [512, 2_048, 8_192, 65_536]
  private static let tail = 512
  /// A document with fewer tokens after the context is too short for it.
  private static let leastTail = 64

  /// Makes the folder if it is missing.
  ///
  /// - Parameters:
  ///   - folder: Where the files go.
  ///   - file: The text.
  /// - Throws: `FileError`; `CommandError` if the text cannot be read again.
  init(folder: String, of file: String) throws {
    try ReportText.check(file)
    try makeFolder(path: folder)
    self.folder = folder
  }

  /// Measures, and writes all files.
  ///
  /// - Parameters:
  ///   - evaluation: What was evaluated, and how.
  ///   - global: How to show progress.
  ///   - pool: Where the work runs.
  /// - Throws: Errors of reading the texts and of writing.
  func write(_ evaluation: Evaluation, _ global: GlobalOptions, on pool: WorkerPool) throws {
    let run = LossReportRun(evaluation, global, on: pool)
    var findings = LossFindings(evaluation.text.model)
    var page = PageText()
    var sample = PositionSample(contexts: Self.contexts, limit: Self.samples, seed: Self.seed)
    var longest = (document: 0, length: 0)
    let lines = try AtomicFile(replacing: path("tokens.jsonl"))
    try run.scoreTokens { token, piece, bytes in
      var line: [UInt8] = []
      line.append(line: token, piece: piece, bytes: bytes)
      try lines.write(line)
      page.append(token, piece: piece, bytes: bytes)
      if token.position > longest.length { longest = (token.document, token.position) }
      findings.documents = token.document
      findings.tokens += 1
      guard let loss = (token.score?.logProbability).map({ -$0 }) else { return }
      findings.positions.add(position: token.position, loss)
      sample.add(PositionSample.Position(index: findings.tokens - 1, loss: loss), history: token.position - 1)
    }
    try lines.commit()
    let (contexts, positions) = sample.chosen()
    let (windows, ending) = try evaluation.text.windows(
      at: positions, context: contexts.last ?? 0, endOf: longest.document,
      length: Self.longContexts[3] + Self.tail)
    findings.wholeHistory = LossMean(positions.map(\.loss))
    findings.horizon = run.horizon(
      windows, of: positions, contexts: contexts,
      counts: ContextHorizon.counts(contexts, positions: positions.count, budget: Self.budget(findings.tokens)))
    let long = Self.longContexts.filter { $0 + Self.leastTail <= ending.ids.count }
    findings.extrapolatedDocument = longest.document
    findings.extrapolation = run.extrapolation(ending, contexts: long, tail: Self.tail)
    try write(findings, page, evaluation)
    global.say("eval: the report is \(path("index.html"))")
  }

  private static let contexts = (0...12).map { 1 << $0 }.filter { $0 <= longestContext }

  private func path(_ name: String) -> String { folder + "/" + name }

  private func write(_ bytes: [UInt8], _ name: String) throws {
    try AtomicFile.write(bytes, replacing: path(name))
  }

  private func write(_ findings: LossFindings, _ page: PageText, _ evaluation: Evaluation) throws {
    let name = evaluation.name
    let charts = [
      ("position", findings.positionChart(name), findings.positionTable, Self.positionNote),
      ("horizon", findings.horizonChart(name), findings.horizonTable, Self.horizonNote),
      ("extrapolation", findings.extrapolationChart(name), findings.extrapolationTable, Self.extrapolationNote),
    ]
    for (file, chart, table, _) in charts {
      try write(Array(table.utf8), file + ".csv")
      try write(Array(chart.svg.utf8), file + ".svg")
    }
    try write(Array((evaluation.report(findings).text + "\n").utf8), "report.json")
    var page = page
    let text = page.finish()
    let shown =
      page.isCut
      ? "The first \(grouped(page.count)) of \(grouped(findings.tokens)) tokens; all are in tokens.jsonl."
      : "All \(grouped(page.count)) tokens."
    let whole = ReportPage(
      facts: evaluation.facts(findings),
      charts: charts.map { (name: $0.0, chart: $0.1, note: $0.3, table: $0.2) },
      textNote: shown + " Tokens that make one character together are shown as one.", text: text, data: page.data,
      title: name)
    try write(whole.bytes, "index.html")
  }

  private static let positionNote = """
    The mean loss of the tokens at each position of their documents, in bins that double. All bands are one standard \
    error to each side.
    """
  private static let horizonNote = """
    The same sampled tokens, when the model starts from an empty state and sees only the last k tokens before each. Long \
    contexts are measured at fewer of them. The second panel is what is missing to the whole history, token by token; the \
    first adds it to the loss of all of them. At its half-life a head has forgotten half of what it read.
    """
  private static let extrapolationNote = """
    The last tokens of the longest document, when the model starts from an empty state at some distance before the first \
    of them. The second panel compares token by token, so its bands are narrower.
    """
}
