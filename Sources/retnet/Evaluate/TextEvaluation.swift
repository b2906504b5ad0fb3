internal import Corpora
internal import Files
internal import Inference
internal import Modeling
internal import Tensors
internal import Tokenization

/// How texts are evaluated.
struct EvaluationMethod {
  var form = RetentionForm.chunkwise(chunkLength: 128)
  /// nil: the full history.
  var windows: EvaluationWindows?
  var documents = DocumentRule.file
  /// Whether documents start with BOS; nil: as the model's configuration says.
  var bos: Bool?
  var precision = ProductPrecision.float32

  /// The precision as `--precision` names it.
  var precisionName: String { precision == .float32 ? "f32" : "bf16" }

  /// BOS, if documents start with it.
  func bosID(_ model: LoadedModel) -> Int32? {
    bos.map { $0 ? model.header.configuration.bosID.map { Int32($0) } : nil } ?? model.bosID
  }
}

/// Evaluates a model on a text.
struct TextEvaluation {
  let model: LoadedModel
  let method: EvaluationMethod
  /// The file that keeps the progress; nil: none.
  let progressPath: String?
  let global: GlobalOptions

  /// The time between two writes of the progress.
  private static let interval = Duration.seconds(60)

  /// Evaluates.
  ///
  /// - Parameters:
  ///   - input: The text.
  ///   - path: Its path, for errors.
  ///   - pool: Where the work runs.
  /// - Returns: The score and the seconds that it took, without those before a stop.
  /// - Throws: The errors of `TextInput`; `CommandError` if nothing is scored; status 75 after a stop, or that of the
  ///   signal without a file of the progress.
  func score(_ input: TextInput, path: String, on pool: WorkerPool) throws -> (Score, seconds: Double) {
    var meter = TextMeter(model, method, on: pool)
    let subject = progressPath == nil ? "" : try subject()
    let place = EvaluationPlace(subject: subject)
    if let progressPath, fileExists(path: progressPath) {
      let progress = try EvaluationProgress(
        path: progressPath, model.header.configuration, subject: subject)
      meter.resume(progress)
      place.resume(at: progress.record, path: progressPath)
      global.say("resumes after \(grouped(progress.record.tokens)) tokens")
    }
    var line = ProgressLine("eval", unit: "bytes", total: input.byteCount, style: global.progressStyle)
    let (bosID, eosID) = (method.bosID(model), method.windows.map { $0.rule == .sliding } ?? true ? model.eosID : nil)
    let start = ContinuousClock.now
    var lastWrite = start
    do {
      try input.forEachPart(of: model.header, model.tokenizer, rule: method.documents, eosID: eosID) {
        line.update(done: $0)
      } _: { part in
        try place.forward(part) { meter.take($0, bos: bosID) }
        try check(meter.score)
        guard let progressPath else { return }
        if StopSignals.received != nil { throw FileError.stopped(path: path) }
        guard !place.isSkipping, ContinuousClock.now - lastWrite >= Self.interval else { return }
        try meter.progress(place, since: start)?.write(to: progressPath)
        lastWrite = .now
      }
    } catch FileError.stopped {
      line.leaveLine()
      guard let progressPath else { throw StopSignals.exit }
      // While it skips, the file is still that of the last stop.
      if !place.isSkipping { try meter.progress(place, since: start)?.write(to: progressPath) }
      StandardStream.error.say(
        "stopped after \(grouped(max(place.tokens, place.tokensBefore))) tokens; the same command resumes")
      throw ExitStatus.stopped.exit
    }
    meter.finish()
    line.leaveLine()
    try check(meter.score)
    guard !place.isSkipping else { throw EvaluationProgressError.otherText(path: progressPath ?? path) }
    guard meter.score.tokens > 0 else { throw nothingScored(path) }
    return (meter.score, place.secondsBefore + (ContinuousClock.now - start).inSeconds)
  }

  private func nothingScored(_ path: String) -> CommandError {
    let expected =
      method.windows?.rule == .llamaCpp
      ? "documents of a window or more" : "documents of two tokens or more, as the first is not scored without BOS"
    return CommandError(.badData, "\(path): expected \(expected), found none")
  }

  private func check(_ score: Score) throws {
    if let place = score.firstNotFinite { throw model.notFinite("of scored token \(place + 1)", state: nil) }
  }

  /// What the result depends on, besides the text.
  private func subject() throws -> String {
    "model \(try model.digest()), \(method.form), \(method.precision), documents \(method.documents), BOS "
      + (method.bosID(model).map { "\($0)" } ?? "none")
  }
}

extension TextMeter {
  fileprivate init(_ model: LoadedModel, _ method: EvaluationMethod, on pool: WorkerPool) {
    self.init(
      model.network, form: method.form, windows: method.windows, scoredBytes: ScoredBytes(model.tokenizer),
      precision: method.precision, on: pool)
  }

  fileprivate mutating func take(_ part: TextInput.Part, bos: Int32?) {
    switch part {
    case .start: startDocument(bos: bos)
    case .ids(let ids): append(ids)
    case .masked(let ids, let unscored): append(ids, unscored: unscored)
    case .end(let bytes, let words): count(bytes: bytes, words: words)
    }
  }

  /// nil for windows, which keep no progress.
  fileprivate func progress(_ place: EvaluationPlace, since start: ContinuousClock.Instant) -> EvaluationProgress? {
    history?.progress(
      subject: place.subject, seconds: place.secondsBefore + (ContinuousClock.now - start).inSeconds,
      tokens: place.tokens, checksum: place.checksum.value,
      documents: place.documents)
  }
}

/// The place in a text, and the place before which nothing is evaluated again.
private final class EvaluationPlace {
  let subject: String
  private(set) var tokens = 0
  private(set) var checksum = CRC32Checksum()
  private(set) var documents = (started: 0, ended: 0)
  /// The seconds of the evaluation before the last stop.
  private(set) var secondsBefore = 0.0
  /// The tokens that were evaluated before it.
  private(set) var tokensBefore = 0
  private var goal: EvaluationProgress.Record?
  private var path = ""

  init(subject: String) { self.subject = subject }

  func resume(at record: EvaluationProgress.Record, path: String) {
    goal = record
    self.path = path
    (secondsBefore, tokensBefore) = (record.seconds, record.tokens)
    reachGoal()
  }

  /// Whether the place to resume at is not reached.
  var isSkipping: Bool { goal != nil }

  /// Passes on what a part has behind the place to resume at.
  ///
  /// - Throws: `EvaluationProgressError.otherText`.
  func forward(_ part: TextInput.Part, _ body: (TextInput.Part) -> Void) throws {
    switch part {
    case .start:
      documents.started += 1
      if goal == nil { body(part) }
    case .end:
      documents.ended += 1
      if goal == nil { body(part) }
    case .ids(let ids):
      let rest = try skip(ids)
      if !rest.isEmpty { body(.ids(Array(rest))) }
    case .masked(let ids, let unscored):
      let rest = try skip(ids)
      let start = rest.startIndex
      let shifted = unscored.compactMap { range in
        range.upperBound > start ? max(0, range.lowerBound - start)..<range.upperBound - start : nil
      }
      if !rest.isEmpty { body(.masked(Array(rest), unscored: shifted)) }
    }
    if let goal, documents.started > goal.startedDocuments || documents.ended > goal.endedDocuments {
      throw EvaluationProgressError.otherText(path: path)
    }
    reachGoal()
  }

  private func skip(_ ids: [Int32]) throws -> ArraySlice<Int32> {
    let skipped = goal.map { min(ids.count, $0.tokens - tokens) } ?? 0
    count(ids[..<skipped])
    reachGoal()
    let rest = ids[skipped...]
    if isSkipping, !rest.isEmpty { throw EvaluationProgressError.otherText(path: path) }
    count(rest)
    return rest
  }

  private func count(_ ids: ArraySlice<Int32>) {
    tokens += ids.count
    let bytes = ids.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) } }
    bytes.withRawSpan { checksum.update($0) }
  }

  private func reachGoal() {
    guard let goal, goal.tokens == tokens, goal.startedDocuments == documents.started,
      goal.endedDocuments == documents.ended, goal.checksum == checksum.value
    else { return }
    self.goal = nil
  }
}
