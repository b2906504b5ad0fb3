internal import Inference
internal import Modeling
internal import Tensors

/// The decode loop of the program: generates up to sixteen texts together, step by step.
///
/// A step reads one chunk of a waiting prompt, then chooses a token for every text. The next step reads the chosen
/// tokens first, so that the caller can show them in between. Each text is bit-identical to one that is generated
/// alone.
///
/// ```swift
/// var batch = TextBatch(network, capacity: 4, on: pool)
/// let id = batch.submit(.prompt(TextPrompt(ids, chunkLength: 64)), maker)
/// while !batch.isEmpty {
///   for event in batch.step() { … }
/// }
/// ```
struct TextBatch {
  /// What a text starts from.
  enum Start {
    /// A generator that has read the prompt. It decodes the text itself and is returned at the end.
    ///
    /// - Parameter readsLast: Whether it also reads the last token, which a state needs.
    case generator(Generator, readsLast: Bool)
    /// The progress of a generator. It must not change before the next step, which copies its state.
    ///
    /// - Parameter isLeft: Whether the text leaves its progress. It then belongs to the text.
    case progress(ReadingProgress, isLeft: Bool = false)
    /// A prompt to read.
    case prompt(TextPrompt)
  }

  /// A result of a step.
  enum Event {
    /// A prompt was read for the caller; so many of its tokens a kept state had read.
    case read(id: Int, ReadingProgress, cached: Int)
    /// A token was chosen: new characters that are final, which may be none, and the token, if probabilities are
    /// reported.
    case text(id: Int, String, RankedToken?)
    /// What a text has read, with its last token but without EOS; comes before its end.
    case left(id: Int, ReadingProgress)
    /// A text has ended; the generator is the one that it started from, if any.
    case finished(id: Int, TextMaker, Generator?)
    /// No token can be chosen for a text, which has ended.
    case failed(id: Int, TokenChoiceError, Generator?)
  }

  /// A text in progress.
  private struct Row {
    let id: Int
    var maker: TextMaker
    /// The token that was chosen and not yet read.
    var pending: Int32?
    /// The generator that decodes the text; nil: it has a slot of the decoder.
    var generator: Generator?
    var readsLast = false
    /// The progress that the text leaves.
    var left: ReadingProgress?
  }

  /// A prompt that is not yet read to its end.
  private struct Waiting {
    let id: Int
    /// nil: the prompt is read for the caller.
    let maker: TextMaker?
    let prompt: TextPrompt
    /// nil: reading has not begun.
    var progress: ReadingProgress?
    var count = 0
    /// How many of the tokens a kept state had read.
    var cachedCount = 0
    /// The numbers of chunks behind which the state is kept.
    var places: Set<Int> = []
    /// The tokens that an undo reads again.
    var replay: ArraySlice<ReadToken> = []
    var isRead: Bool { replay.isEmpty && count == prompt.ids.count }
  }

  private let network: LanguageModel
  private let capacity: Int
  private let readsAhead: Bool
  private let pool: WorkerPool
  /// Decodes the texts without their own generator, in the order of `rows`.
  private var decoder: BatchDecoder?
  /// The texts in progress. Those with a slot of the decoder come first, in the order of the slots.
  private var rows: [Row] = []
  private var waiting: [Waiting] = []
  /// Texts that get a slot in the next step.
  private var ready: [(id: Int, maker: TextMaker, progress: ReadingProgress, isLeft: Bool)] = []
  /// Reads a chunk of a prompt, with the progress of that prompt.
  private var reader: Generator?
  /// Progress that no prompt uses any more.
  private var spare: ReadingProgress?
  private var nextID = 0
  /// The events of texts that ended since the last step.
  private var ended: [Event] = []

  /// The number of prompt tokens read, and the time that it took.
  private(set) var reading = (tokens: 0, time: Duration.zero)

  /// - Parameters:
  ///   - network: The model.
  ///   - capacity: The maximum number of texts at a time, 1 to `BatchDecoder.limit`.
  ///   - readsAhead: Whether all waiting prompts are read before the next token: more tokens per second, but texts in
  ///     progress wait. Otherwise a step reads one chunk, of each waiting prompt in turn.
  ///   - pool: Where the work runs.
  init(_ network: LanguageModel, capacity: Int, readsAhead: Bool = false, on pool: WorkerPool) {
    self.network = network
    self.capacity = capacity
    self.readsAhead = readsAhead
    self.pool = pool
  }

  /// The number of texts and prompts that have not ended.
  var count: Int { rows.count + waiting.count + ready.count }
  var isEmpty: Bool { count == 0 && ended.isEmpty }
  var hasRoom: Bool { count < capacity }

  /// Adds a text.
  ///
  /// - Parameters:
  ///   - start: What it starts from.
  ///   - maker: Generates the text. If it has already ended, the next step reports that.
  /// - Returns: The id of the text; ids count up from 0.
  mutating func submit(_ start: Start, _ maker: TextMaker) -> Int {
    let id = makeID()
    switch start {
    case .generator(let generator, let readsLast):
      guard maker.finish == nil else {
        ended.append(.finished(id: id, maker, generator))
        break
      }
      rows.append(Row(id: id, maker: maker, generator: generator, readsLast: readsLast))
    case .progress(let progress, let isLeft): ready.append((id, maker, progress, isLeft))
    case .prompt(let prompt): waiting.append(Waiting(id: id, maker: maker, prompt: prompt))
    }
    return id
  }

  /// Adds a prompt that is read for the caller, who may start texts from it.
  ///
  /// - Returns: The id of the event `read`.
  mutating func read(_ prompt: TextPrompt) -> Int {
    let id = makeID()
    waiting.append(Waiting(id: id, maker: nil, prompt: prompt))
    return id
  }

  private mutating func makeID() -> Int {
    precondition(hasRoom, "TextBatch: \(count) of \(capacity) texts")
    defer { nextID += 1 }
    return nextID
  }

  /// Ends a text early; the next step reports it. A prompt that is read for the caller is dropped.
  mutating func cancel(_ id: Int) {
    let unread = ready.first { $0.id == id }?.maker ?? waiting.first { $0.id == id }?.maker
    ready.removeAll { $0.id == id }
    waiting.removeAll { $0.id == id }
    if var maker = unread {
      _ = maker.stop()
      ended.append(.finished(id: id, maker, nil))
    } else if let index = rows.firstIndex(where: { $0.id == id }) {
      let text = rows[index].maker.stop()
      if !text.isEmpty { ended.append(.text(id: id, text, nil)) }
      rows[index].left = nil
      end(index)
    }
  }

  /// Ends all texts early.
  mutating func cancelAll() { for id in rows.map(\.id) + ready.map(\.id) + waiting.map(\.id) { cancel(id) } }

  /// The generator of a text in progress; nil if it has none.
  func generator(of id: Int) -> Generator? { rows.first { $0.id == id }?.generator }

  /// Reads the chosen tokens and a chunk of a prompt, then chooses a token for every text.
  ///
  /// - Returns: The events, text by text.
  mutating func step() -> [Event] {
    readPending()
    for text in ready { begin(text.id, text.maker, text.progress, isLeft: text.isLeft) }
    ready = []
    repeat { readChunk() } while readsAhead && !waiting.isEmpty
    var events = ended
    ended = []
    var failed: [Int: TokenChoiceError] = [:]
    for index in rows.indices {
      let logits = rows[index].generator?.nextLogits ?? decoder?.logits(index)
      guard let logits else { preconditionFailure("TextBatch: a row without a source") }
      do throws(TokenChoiceError) {
        let (token, text) = try rows[index].maker.step(logits)
        rows[index].pending = token
        events.append(.text(id: rows[index].id, text, rows[index].maker.lastScored))
      } catch {
        failed[rows[index].id] = error
      }
    }
    for index in rows.indices.reversed() {
      let row = rows[index]
      if let error = failed[row.id] {
        remove(index)
        ended.append(.failed(id: row.id, error, row.generator))
      } else if row.maker.finish != nil, row.left == nil || row.pending == nil {
        // What a text leaves includes its last token, which the next step reads.
        end(index)
      }
    }
    events += ended
    ended = []
    return events
  }

  /// Gives a slot to a text whose prompt was read.
  private mutating func begin(_ id: Int, _ maker: TextMaker, _ progress: ReadingProgress, isLeft: Bool) {
    guard maker.finish == nil else {
      if isLeft { ended.append(.left(id: id, progress)) }
      ended.append(.finished(id: id, maker, nil))
      return
    }
    var decoder = self.decoder ?? BatchDecoder(network, capacity: capacity, on: pool)
    decoder.add(progress)
    rows.insert(Row(id: id, maker: maker, left: isLeft ? progress : nil), at: decoder.count - 1)
    self.decoder = decoder
  }

  /// Ends a text. Its generator reads the last token if requested, or if the text was ended early.
  private mutating func end(_ index: Int) {
    var row = rows[index]
    if let token = row.pending, row.readsLast || row.maker.finish == .signal { row.generator?.append(token) }
    if var left = row.left {
      decoder?.store(index, in: &left)
      ended.append(.left(id: row.id, left))
    }
    ended.append(.finished(id: row.id, row.maker, row.generator))
    remove(index)
  }

  private mutating func remove(_ index: Int) {
    guard rows[index].generator == nil, let last = decoder.map({ $0.count - 1 }) else {
      rows.remove(at: index)
      return
    }
    // The decoder moves its last sequence into the free slot.
    decoder?.remove(index)
    rows.swapAt(index, last)
    rows.remove(at: last)
  }

  private mutating func readPending() {
    for index in rows.indices {
      if let token = rows[index].pending, rows[index].generator != nil {
        rows[index].generator?.append(token)
        rows[index].pending = nil
      }
    }
    guard let count = decoder?.count, count > 0 else { return }
    // Sequences are added after this and before tokens are chosen, so each has a pending token.
    decoder?.append(rows.prefix(count).map { $0.pending ?? -1 })
    for index in (0..<count).reversed() {
      // Taken, so that its lists of ids are not copied.
      if let token = rows[index].pending, var left = rows[index].left.take() {
        decoder?.follow(token, index, &left)
        rows[index].left = left
      }
      rows[index].pending = nil
      if rows[index].maker.finish != nil { end(index) }
    }
  }

  /// Reads a chunk of the first waiting prompt; its text starts when the whole prompt is read.
  private mutating func readChunk() {
    guard var first = waiting.first else { return }
    let start = ContinuousClock.now
    let prompt = first.prompt
    let isBegun = first.progress != nil
    var progress = first.progress ?? beginReading(&first)
    var reader = self.reader ?? Generator(network, chunkLength: prompt.chunkLength, on: pool)
    reader.exchange(&progress)
    if !isBegun { first.replay = reader.goBack(prompt.undoCount)[...] }
    var count = 0
    if first.replay.isEmpty {
      // Up to the next border, so that a state there can be kept.
      let room = prompt.chunkLength - reader.state.position % prompt.chunkLength
      count = min(room, prompt.ids.count - first.count)
      reader.read(prompt.ids[first.count...].prefix(count), meter: prompt.meter)
    } else {
      // Those that were generated are read one by one.
      reader.replay(first.replay.prefix(BatchDecoder.limit))
      first.replay = first.replay.dropFirst(BatchDecoder.limit)
    }
    reader.exchange(&progress)
    self.reader = reader
    first.count += count
    if count > 0, first.count % prompt.chunkLength == 0, first.places.contains(first.count / prompt.chunkLength) {
      prompt.kept?.cache.states.add(progress.point, on: pool)
    }
    if !first.isRead {
      first.progress = progress
      waiting.removeFirst()
      waiting.insert(first, at: readsAhead ? 0 : waiting.count)
    } else {
      waiting.removeFirst()
      if let maker = first.maker {
        begin(first.id, maker, progress, isLeft: false)
        spare = progress
      } else {
        ended.append(.read(id: first.id, progress, cached: first.cachedCount))
      }
    }
    reading.tokens += count
    reading.time += ContinuousClock.now - start
  }

  /// The progress from which a prompt is read.
  private mutating func beginReading(_ first: inout Waiting) -> ReadingProgress {
    let prompt = first.prompt
    if let state = prompt.state { return state.copied(on: pool) }
    // A state that is left can undo from its first token on.
    if let window = prompt.historyWindow {
      var progress = ReadingProgress(network.configuration, chunkLength: prompt.chunkLength)
      progress.keepHistory(window: window, on: pool)
      return progress
    }
    var progress = spare ?? ReadingProgress(network.configuration, chunkLength: prompt.chunkLength)
    spare = nil
    progress.clear(on: pool)
    if let (cache, borders) = prompt.kept {
      if let border = cache.states.find(borders) { progress.start(at: border, on: pool) }
      first.places = cache.states.places(borders)
      first.count = progress.position
      first.cachedCount = progress.position
    }
    return progress
  }
}

extension TextBatch {
  /// Generates one text with a generator.
  ///
  /// - Parameters:
  ///   - generator: Has read the prompt. Afterwards, even after `TokenChoiceError`, it has also read the generated
  ///     tokens.
  ///   - maker: Generates the text.
  ///   - readsLast: Whether the generator also reads the last token.
  ///   - pool: Where the work runs.
  ///   - isWished: Called before each token; if it returns false, the text ends early.
  ///   - show: Receives the characters as they come.
  /// - Returns: The maker, with the text.
  /// - Throws: `TokenChoiceError`; the errors of `show`.
  static func makeText(
    _ generator: inout Generator, _ maker: TextMaker, readsLast: Bool, on pool: WorkerPool,
    while isWished: () -> Bool = { true }, show: (String) throws -> Void
  ) throws -> TextMaker {
    var (batch, maker) = (TextBatch(generator.network, capacity: 1, on: pool), maker)
    let id = batch.submit(.generator(generator, readsLast: readsLast), maker)
    do {
      while !batch.isEmpty {
        if !isWished() { batch.cancel(id) }
        for event in batch.step() {
          switch event {
          case .text(_, let text, _): try show(text)
          case .finished(_, let made, let its): (maker, generator) = (made, its ?? generator)
          case .failed(_, let error, let its):
            generator = its ?? generator
            throw error
          case .read, .left: break
          }
        }
      }
    } catch {
      generator = batch.generator(of: id) ?? generator
      throw error
    }
    return maker
  }
}
