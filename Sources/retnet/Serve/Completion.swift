internal import Inference
internal import Serving
internal import Tokenization

/// A request in progress: its choices as they are made. The model's thread alone uses it.
final class Completion {
  /// A choice, which may be one of several candidates.
  private struct Choice {
    var text = ""
    var tokens: [ReportedToken] = []
    var offsets: TextOffsets
    var reason: String?
    var isShown = false
    /// Σ ln p of the tokens, and their number.
    var sum = 0.0
    var count = 0
    var lastToken: ContinuousClock.Instant?
    var firstToken: ContinuousClock.Instant?

    init(_ offsets: TextOffsets) { self.offsets = offsets }

    /// ln p of a token on average.
    var meanLogProbability: Double { count == 0 ? 0 : sum / Double(count) }
  }

  let job: CompletionJob
  let reply: ServerReply
  /// The state to begin from.
  let base: NamedState?
  private let answer: AnswerText
  private let metrics: ServerMetrics
  private var choices: [Choice]
  private var usage = Usage()
  private var hasBegunEvents = false
  private var hasFirstToken = false
  private var lastEvent = ContinuousClock.now

  /// The first prompt whose reading has not begun.
  var nextPrompt = 0
  /// Candidates whose prompt was read and that have no row.
  var forks: [(choice: Int, progress: ReadingProgress)] = []
  /// The texts of the batch that belong to it.
  var rows: Set<Int> = []
  /// When the reading of each prompt began.
  private var begun: [Int: ContinuousClock.Instant] = [:]

  init(_ job: CompletionJob, _ reply: ServerReply, _ model: ServedModel, from base: NamedState?) {
    (self.job, self.reply, self.base, metrics) = (job, reply, base, reply.metrics)
    answer = AnswerText(model: model, job: job)
    choices = (0..<job.choiceCount).map { index in
      let prompt = job.prompts[index / job.candidateCount]
      return Choice(TextOffsets(model.tokenizer, isTextStart: prompt.isTextStart))
    }
    usage.promptTokens = job.prompts.reduce(0) { $0 + $1.ownIDs.count }
  }

  /// Whether it needs no further row.
  var isAdmitted: Bool { nextPrompt == job.prompts.count && forks.isEmpty }
  var hasStarted: Bool { nextPrompt > 0 }
  var isDone: Bool { choices.allSatisfy { $0.reason != nil } }

  // MARK: - Events

  /// Notes that a prompt begins to be read.
  func beginPrompt(_ index: Int) {
    if nextPrompt == 0 { metrics.add(.queue, ContinuousClock.now - job.arrival) }
    begun[index] = .now
    nextPrompt = index + 1
  }

  /// Notes that a prompt was read.
  ///
  /// - Parameters:
  ///   - index: The prompt.
  ///   - cached: How many of its tokens a kept state had read.
  ///   - ranked: The probabilities of its ids behind the first one that was read, if they were asked for.
  func didRead(_ index: Int, cached: Int, _ ranked: [RankedToken]) {
    let prompt = job.prompts[index]
    let own = min(max(0, cached - prompt.hiddenCount), prompt.ownIDs.count)
    usage.cachedTokens += own
    metrics.read(prompt.ownIDs.count, cached: own)
    if let start = begun[index] { metrics.add(.prefill, ContinuousClock.now - start) }
    guard job.echoes else { return }
    var (offsets, tokens) = (TextOffsets(answer.model.tokenizer, isTextStart: true), [ReportedToken]())
    for (place, id) in prompt.ownIDs.enumerated() {
      // The first id that is read has no probability.
      let known = place + prompt.hiddenCount - 1
      let ranked = job.topCount != nil && ranked.indices.contains(known) ? ranked[known] : nil
      tokens.append(ReportedToken(id: id, ranked: ranked, offset: offsets.take(id)))
    }
    let candidates = index * job.candidateCount..<(index + 1) * job.candidateCount
    for choice in candidates {
      choices[choice].text = prompt.text
      choices[choice].tokens = job.topCount == nil ? [] : tokens
      choices[choice].offsets.count = prompt.text.unicodeScalars.count
      if job.streams { show(choice, prompt.text, choices[choice].tokens, reason: nil) }
    }
  }

  /// Adds what a step has made of a choice.
  ///
  /// - Parameters:
  ///   - choice: The choice.
  ///   - text: New characters.
  ///   - token: The chosen token, if probabilities are made.
  func add(_ choice: Int, _ text: String, _ token: RankedToken?) {
    note(choice)
    choices[choice].text += text
    var reported: [ReportedToken] = []
    if let token {
      choices[choice].sum += token.chosen.logProbability
      choices[choice].count += 1
      if job.topCount != nil {
        let id = token.chosen.id
        reported = [ReportedToken(id: id, ranked: token, offset: choices[choice].offsets.take(id))]
        choices[choice].tokens += reported
      }
    }
    if job.streams, !text.isEmpty || !reported.isEmpty { show(choice, text, reported, reason: nil) }
  }

  /// Notes the end of a choice.
  func finish(_ choice: Int, _ maker: TextMaker) {
    let reason = maker.finish == .length ? "length" : "stop"
    choices[choice].reason = reason
    usage.completionTokens += maker.tokens.count
    metrics.made(maker.tokens.count)
    metrics.finished(reason)
    if let first = choices[choice].firstToken, let last = choices[choice].lastToken {
      metrics.add(.decode, last - first)
    }
    if job.streams { show(choice, "", [], reason: reason) }
  }

  private func note(_ choice: Int) {
    let now = ContinuousClock.now
    if !hasFirstToken { metrics.add(.firstToken, now - job.arrival) }
    hasFirstToken = true
    if let last = choices[choice].lastToken { metrics.add(.betweenTokens, now - last) }
    if choices[choice].firstToken == nil { choices[choice].firstToken = now }
    choices[choice].lastToken = now
  }

  // MARK: - Answers

  private func show(_ choice: Int, _ text: String, _ tokens: [ReportedToken], reason: String?) {
    beginEvents()
    reply.event(answer.part(choice, text, tokens, reason: reason, isFirst: !choices[choice].isShown))
    choices[choice].isShown = true
    lastEvent = .now
  }

  private func beginEvents() {
    if !hasBegunEvents { reply.beginEvents() }
    hasBegunEvents = true
  }

  /// Sends a line to a stream that was silent for a while, which also shows whether the client is there.
  func keepAlive(_ now: ContinuousClock.Instant) {
    guard job.streams, now - lastEvent > .seconds(15) else { return }
    beginEvents()
    reply.ping()
    lastEvent = now
  }

  /// Sends the answer, or the end of the stream.
  func sendAnswer() {
    metrics.add(.whole, ContinuousClock.now - job.arrival)
    if job.streams {
      beginEvents()
      if job.includesUsage { reply.event(answer.usagePart(usage)) }
      reply.event("[DONE]")
      reply.endEvents()
      return
    }
    reply.json(answer.whole(bestChoices, usage))
  }

  /// The answers of each prompt: of more candidates those with the highest log-probability on average.
  private var bestChoices: [ChoiceText] {
    job.prompts.indices.flatMap { prompt in
      let candidates = Array(choices[prompt * job.candidateCount..<(prompt + 1) * job.candidateCount])
      let best =
        job.candidateCount == job.answerCount
        ? Array(candidates.indices)
        : candidates.indices.sorted { a, b in
          let (x, y) = (candidates[a].meanLogProbability, candidates[b].meanLogProbability)
          return x > y || (x == y && a < b)
        }
      return best.prefix(job.answerCount).map { index in
        ChoiceText(
          text: candidates[index].text, tokens: candidates[index].tokens, reason: candidates[index].reason ?? "stop")
      }
    }
  }

  /// Ends the request with an error.
  func fail(_ error: ErrorBody) {
    guard hasBegunEvents else { return reply.error(error) }
    reply.event(String(decoding: error.bytes, as: UTF8.self))
    reply.endEvents()
  }
}

/// Where tokens begin in a text, in code points.
struct TextOffsets {
  private let tokenizer: Tokenizer?
  private var isTextStart: Bool
  /// The code points before the next token.
  var count = 0

  init(_ tokenizer: Tokenizer?, isTextStart: Bool) { (self.tokenizer, self.isTextStart) = (tokenizer, isTextStart) }

  /// The place of the next token.
  mutating func take(_ id: Int32) -> Int {
    let offset = count
    guard let tokenizer, Int(id) < tokenizer.vocabularySize else { return offset }
    var bytes: [UInt8] = []
    tokenizer.appendBytes(of: id, isTextStart: &isTextStart, to: &bytes)
    // Every byte but 10…… begins a code point.
    count += bytes.count { $0 & 0xC0 != 0x80 }
    return offset
  }
}
