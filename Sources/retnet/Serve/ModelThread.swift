internal import Dispatch
internal import Files
internal import FoundationEssentials
internal import Inference
internal import Modeling
internal import Serving
internal import Tensors

/// The thread that runs the model: it takes requests, keeps up to sixteen texts in progress, and answers.
///
/// A turn of its loop takes what has arrived, drops the requests of clients that have gone, gives free rows to the
/// requests in turn, and makes one step of the batch. So a request waits for no other one longer than a step, which
/// reads at most one chunk of one prompt.
final class ModelThread {
  /// What other threads ask for.
  enum Message: Sendable {
    case completion(CompletionJob, ServerReply)
    case state(StateRequest, ServerReply)
    /// A state was read from the folder: it is put on the shelf, and then the message is handled.
    case loaded(String, Result<NamedState, ErrorBody>, then: Deferred)
    /// A state was written.
    case saved(String, NamedState, Result<Void, ErrorBody>, ServerReply)
  }

  /// What waits for a state to be loaded.
  enum Deferred: Sendable {
    case completion(CompletionJob, ServerReply)
    case answer(ServerReply)
  }

  /// What is asked of a state besides reading and undoing, which are completions.
  enum StateRequest: Sendable {
    case list
    case show(String)
    case delete(String)
    case fork(String, to: String)
    case save(String)
    case load(String)
  }

  let model: LoadedModel
  let served: ServedModel
  let limits: ServerLimits
  let pool: WorkerPool
  let mailbox: Mailbox<Message>
  private let metrics: ServerMetrics
  private let cache: PromptCache
  var shelf: StateShelf
  private var batch: TextBatch
  private let rowCount: Int
  /// Requests in progress or waiting.
  private var active: [Completion] = []
  /// Those that can use a row, in the order of their turns.
  private var queue: [Completion] = []
  /// Texts of the batch, and prompts that it reads.
  private var owners: [Int: Owner] = [:]
  let files = DispatchQueue(label: "states")
  private var isStopping = false

  private enum Owner {
    case prompt(Completion, index: Int, TokenMeter?)
    case choice(Completion, index: Int, recent: [Int32])
  }

  init(
    _ model: LoadedModel, _ served: ServedModel, _ limits: ServerLimits, rows: Int, cacheBytes: Int,
    stateFolder: String?,
    _ mailbox: Mailbox<Message>, _ metrics: ServerMetrics, on pool: WorkerPool
  ) {
    (self.model, self.served, self.limits, self.pool) = (model, served, limits, pool)
    (self.mailbox, self.metrics, rowCount) = (mailbox, metrics, rows)
    cache = PromptCache(byteLimit: cacheBytes)
    shelf = StateShelf(limit: limits.states, folder: stateFolder)
    batch = TextBatch(model.network, capacity: rows, on: pool)
  }

  /// Runs until a signal arrives and what was begun is answered, or the time for that is over.
  ///
  /// - Parameters:
  ///   - drainSeconds: The time for running answers after a signal.
  ///   - drain: Called when the signal arrives.
  func run(drainSeconds: Double, drain: () -> Void) {
    var end: ContinuousClock.Instant?
    while true {
      if end == nil, StopSignals.received != nil {
        isStopping = true
        end = .now + .seconds(drainSeconds)
        drain()
      }
      for message in mailbox.take(waiting: active.isEmpty ? 100 : 0) { handle(message) }
      dropEnded()
      if let end, active.isEmpty || .now >= end { break }
      admit()
      if !batch.isEmpty { for event in batch.step() { handle(event) } }
      report()
    }
    for completion in active { completion.fail(Self.stopping) }
  }

  static let stopping = ErrorBody(status: 503, message: "the server is stopping")

  // MARK: - Messages

  private func handle(_ message: Message) {
    switch message {
    case .completion(let job, let reply): start(job, reply)
    case .state(let request, let reply): answer(request, reply)
    case .loaded(let name, let result, let then): loaded(name, result, then)
    case .saved(let name, let state, let result, let reply):
      guard case .failure(let error) = result else {
        shelf.setSaved(name, created: state.created, position: state.progress.position)
        return reply.json(shelf.description(of: name))
      }
      reply.error(error)
    }
  }

  func start(_ job: CompletionJob, _ reply: ServerReply) {
    if isStopping { return reply.error(Self.stopping) }
    let waiting = queue.count { !$0.hasStarted }
    guard waiting < limits.queue else {
      return reply.error(
        ErrorBody(status: 429, message: "expected at most \(limits.queue) waiting requests; try again later"))
    }
    var base: NamedState?
    if let name = job.from {
      guard let state = shelf[name] else { return load(name, then: .completion(job, reply), reply) }
      base = state
      if state.progress.position == 0, served.configuration.bosID == nil, job.prompts.contains(where: \.ids.isEmpty) {
        return reply.error(
          ErrorBody(status: 400, message: "prompt: expected at least one token, found none", parameter: "prompt"))
      }
      let limit = state.progress.history?.limit ?? 0
      if job.undoCount > limit {
        return reply.error(
          ErrorBody(
            status: 400, message: "tokens: expected at most \(limit), found \(job.undoCount)", parameter: "tokens"))
      }
    }
    let completion = Completion(job, reply, served, from: base)
    active.append(completion)
    queue.append(completion)
  }

  // MARK: - Rows

  /// Gives free rows to the requests, one after the other.
  private func admit() {
    while batch.hasRoom, !queue.isEmpty {
      let completion = queue.removeFirst()
      if completion.forks.isEmpty {
        beginPrompt(completion.nextPrompt, of: completion)
      } else {
        let (choice, progress) = completion.forks.removeFirst()
        begin(choice, of: completion, progress)
      }
      if !completion.isAdmitted { enqueue(completion, at: queue.count) }
    }
  }

  private func beginPrompt(_ index: Int, of completion: Completion) {
    let job = completion.job
    let base = completion.base
    completion.beginPrompt(index)
    let ids = ids(of: job.prompts[index], after: base)
    // Only a choice that leaves a state changes the progress that it starts from.
    if let base, ids.isEmpty, job.undoCount == 0 {
      return didRead(
        index, of: completion, job.leaves == nil ? base.progress : base.progress.copied(on: pool), base.recent)
    }
    var prompt = TextPrompt(ids, chunkLength: served.chunkLength, after: base?.progress)
    prompt.undoCount = job.undoCount
    if job.leaves != nil, base == nil { prompt.historyWindow = limits.undoWindow }
    if job.echoes, let count = job.topCount { prompt.meter = TokenMeter(model.network, keepingTop: count, on: pool) }
    if base == nil, prompt.meter == nil, prompt.historyWindow == nil {
      prompt.kept = job.prompts[index].borders.map { (cache, $0) }
    }
    let id = batch.read(prompt)
    owners[id] = .prompt(completion, index: index, prompt.meter)
    completion.rows.insert(id)
  }

  /// The ids of a prompt. Behind a state that has read nothing, as a training run can leave one, BOS is before them.
  private func ids(of prompt: CompletionPrompt, after base: NamedState?) -> [Int32] {
    guard let base, base.progress.position == 0 else { return prompt.ids }
    if let bos = served.bosID, prompt.ids.first != bos { return [bos] + prompt.ids }
    return prompt.ids.isEmpty ? served.configuration.bosID.map { [Int32($0)] } ?? [] : prompt.ids
  }

  /// Starts the candidates of a prompt that was read.
  private func didRead(
    _ index: Int, of completion: Completion, cached: Int = 0, _ progress: ReadingProgress, _ recent: [Int32],
    _ ranked: [RankedToken] = []
  ) {
    completion.didRead(index, cached: cached, ranked)
    let first = index * completion.job.candidateCount
    for choice in first..<first + completion.job.candidateCount { completion.forks.append((choice, progress)) }
    guard batch.hasRoom else { return enqueue(completion, at: 0) }
    let (choice, progress) = completion.forks.removeFirst()
    begin(choice, of: completion, progress)
    if !completion.forks.isEmpty { enqueue(completion, at: 0) }
  }

  private func enqueue(_ completion: Completion, at place: Int) {
    if !queue.contains(where: { $0 === completion }) { queue.insert(completion, at: place) }
  }

  private func begin(_ choice: Int, of completion: Completion, _ progress: ReadingProgress) {
    let job = completion.job
    let prompt = job.prompts[choice / job.candidateCount]
    let recent = (completion.base?.recent ?? []) + prompt.ids
    let seed = job.seed &+ UInt64(choice % job.candidateCount)
    let maker = TextMaker(job.rules, seed: seed, recent: recent, isTextStart: prompt.isTextStart)
    let id = batch.submit(.progress(progress, isLeft: job.leaves != nil), maker)
    owners[id] = .choice(completion, index: choice, recent: recent)
    completion.rows.insert(id)
  }

  private func handle(_ event: TextBatch.Event) {
    switch event {
    case .read(let id, let progress, let cached):
      guard case .prompt(let completion, let index, let meter) = take(id) else { return }
      didRead(index, of: completion, cached: cached, progress, [], meter?.ranked ?? [])
    case .text(let id, let text, let token):
      guard case .choice(let completion, let index, _) = owners[id] else { return }
      completion.add(index, text, token)
    case .left(let id, let progress):
      guard case .choice(let completion, _, let recent) = owners[id] else { return }
      keep(progress, recent, of: completion)
    case .finished(let id, let maker, _):
      guard case .choice(let completion, let index, _) = take(id) else { return }
      completion.finish(index, maker)
      guard completion.isDone else { return }
      answer(completion)
    case .failed(let id, let error, _):
      guard let owner = take(id) else { return }
      let completion =
        switch owner {
        case .prompt(let completion, _, _), .choice(let completion, _, _): completion
        }
      completion.fail(
        error == .nothingLeft
          ? ErrorBody(status: 400, message: "logit_bias: \(error)", parameter: "logit_bias")
          : ErrorBody(status: 500, message: "\(error)"))
      remove(completion)
    }
  }

  private func take(_ id: Int) -> Owner? {
    let owner = owners.removeValue(forKey: id)
    switch owner {
    case .prompt(let completion, _, _), .choice(let completion, _, _): completion.rows.remove(id)
    case nil: break
    }
    return owner
  }

  /// Puts the state that a completion leaves on the shelf.
  private func keep(_ progress: ReadingProgress, _ recent: [Int32], of completion: Completion) {
    // A client that has gone does not expect the state of an answer that it did not get.
    guard let name = completion.job.leaves, !completion.reply.isGone else { return }
    let state = NamedState(progress: progress, recent: recent.suffix(NamedState.recentLimit), created: now)
    if !shelf.put(name, state) {
      completion.fail(noRoom)
      remove(completion)
    }
  }

  private func answer(_ completion: Completion) {
    if completion.job.form == .state, let name = completion.job.leaves {
      completion.reply.json(shelf.description(of: name))
    } else {
      completion.sendAnswer()
    }
    remove(completion)
  }

  // MARK: - Ends

  /// Removes a request, with what it has in the batch.
  private func remove(_ completion: Completion) {
    for id in completion.rows {
      owners[id] = nil
      batch.cancel(id)
    }
    completion.rows = []
    active.removeAll { $0 === completion }
    queue.removeAll { $0 === completion }
  }

  /// Removes the requests of clients that have gone, and those that took too long.
  private func dropEnded() {
    let now = ContinuousClock.now
    for completion in active {
      if completion.reply.isGone {
        metrics.cancelled()
        remove(completion)
      } else if now - completion.job.arrival > .seconds(limits.seconds) {
        completion.fail(
          ErrorBody(status: 503, message: "expected an answer within \(limits.seconds) s", code: "timeout"))
        remove(completion)
      } else {
        completion.keepAlive(now)
      }
    }
  }

  private func report() {
    metrics.set(
      ServerMetrics.Gauges(
        running: active.count { $0.hasStarted }, waiting: active.count { !$0.hasStarted }, rows: batch.count,
        states: shelf.count, stateBytes: shelf.byteCount, cacheEntries: cache.states.count,
        cacheBytes: cache.states.byteCount))
  }
}
