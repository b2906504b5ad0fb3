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
/// let id = batch.submit(.prompt(ids, chunkLength: 64), maker)
/// while !batch.isEmpty {
///   for event in try batch.step() { … }
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
    case progress(ReadingProgress)
    /// The ids of a prompt, at least one.
    case prompt([Int32], chunkLength: Int)
  }

  /// A result of a step.
  enum Event {
    /// New characters that are final; may be empty.
    case text(id: Int, String)
    /// A text has ended; the generator is the one that it started from, if any.
    case finished(id: Int, TextMaker, Generator?)
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
  }

  /// A text whose prompt is not yet read to its end.
  private struct Waiting {
    let id: Int
    let maker: TextMaker
    let ids: [Int32]
    let chunkLength: Int
    var count = 0
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
  private var ready: [(id: Int, maker: TextMaker, progress: ReadingProgress)] = []
  /// Reads the first waiting prompt.
  private var reader: Generator?
  private var nextID = 0
  /// The events of texts that ended since the last step.
  private var ended: [Event] = []

  /// The number of prompt tokens read, and the time that it took.
  private(set) var reading = (tokens: 0, time: Duration.zero)

  /// - Parameters:
  ///   - network: The model.
  ///   - capacity: The maximum number of texts at a time, 1 to `BatchDecoder.limit`.
  ///   - readsAhead: Whether all waiting prompts are read before the next token: more tokens per second, but texts in
  ///     progress wait.
  ///   - pool: Where the work runs.
  init(_ network: LanguageModel, capacity: Int, readsAhead: Bool = false, on pool: WorkerPool) {
    self.network = network
    self.capacity = capacity
    self.readsAhead = readsAhead
    self.pool = pool
  }

  /// The number of texts that have not ended.
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
    precondition(hasRoom, "TextBatch: \(count) of \(capacity) texts")
    let id = nextID
    nextID += 1
    switch start {
    case .generator(let generator, let readsLast):
      guard maker.finish == nil else {
        ended.append(.finished(id: id, maker, generator))
        break
      }
      rows.append(Row(id: id, maker: maker, generator: generator, readsLast: readsLast))
    case .progress(let progress): ready.append((id, maker, progress))
    case .prompt(let ids, let chunkLength):
      precondition(!ids.isEmpty, "TextBatch: no ids")
      waiting.append(Waiting(id: id, maker: maker, ids: ids, chunkLength: chunkLength))
    }
    return id
  }

  /// Ends a text early; the next step reports it.
  mutating func cancel(_ id: Int) {
    let unread = ready.first { $0.id == id }?.maker ?? waiting.first { $0.id == id }?.maker
    if var maker = unread {
      ready.removeAll { $0.id == id }
      waiting.removeAll { $0.id == id }
      _ = maker.stop()
      ended.append(.finished(id: id, maker, nil))
    } else if let index = rows.firstIndex(where: { $0.id == id }) {
      let text = rows[index].maker.stop()
      if !text.isEmpty { ended.append(.text(id: id, text)) }
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
  /// - Throws: `TokenChoiceError`.
  mutating func step() throws -> [Event] {
    readPending()
    for text in ready { begin(text.id, text.maker, text.progress) }
    ready = []
    repeat { readChunk() } while readsAhead && !waiting.isEmpty
    var events = ended
    ended = []
    for index in rows.indices {
      let logits = rows[index].generator?.nextLogits ?? decoder?.logits(index)
      guard let logits else { preconditionFailure("TextBatch: a row without a source") }
      let (token, text) = try rows[index].maker.step(logits)
      rows[index].pending = token
      events.append(.text(id: rows[index].id, text))
    }
    for index in rows.indices.reversed() where rows[index].maker.finish != nil { end(index) }
    events += ended
    ended = []
    return events
  }

  /// Gives a slot to a text whose prompt was read.
  private mutating func begin(_ id: Int, _ maker: TextMaker, _ progress: ReadingProgress) {
    guard maker.finish == nil else {
      ended.append(.finished(id: id, maker, nil))
      return
    }
    var decoder = self.decoder ?? BatchDecoder(network, capacity: capacity, on: pool)
    decoder.add(progress)
    rows.insert(Row(id: id, maker: maker), at: decoder.count - 1)
    self.decoder = decoder
  }

  /// Removes a text. Its generator reads the last token if requested, or if the text was ended early.
  private mutating func end(_ index: Int) {
    var row = rows[index]
    if let token = row.pending, row.readsLast || row.maker.finish == .signal { row.generator?.append(token) }
    ended.append(.finished(id: row.id, row.maker, row.generator))
    guard row.generator == nil, let last = decoder.map({ $0.count - 1 }) else {
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
    for index in 0..<count { rows[index].pending = nil }
  }

  /// Reads a chunk of the first waiting prompt; its text starts when the whole prompt is read.
  private mutating func readChunk() {
    guard var first = waiting.first else { return }
    let start = ContinuousClock.now
    var reader = reader ?? Generator(network, chunkLength: first.chunkLength, on: pool)
    if first.count == 0 { reader.restart() }
    let piece = first.ids[first.count...].prefix(first.chunkLength)
    reader.read(piece)
    first.count += piece.count
    if first.count < first.ids.count {
      waiting[0] = first
    } else {
      waiting.removeFirst()
      begin(first.id, first.maker, reader.progress)
    }
    self.reader = reader
    reading.tokens += piece.count
    reading.time += ContinuousClock.now - start
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
        for event in try batch.step() {
          switch event {
          case .text(_, let text): try show(text)
          case .finished(_, let made, let its): (maker, generator) = (made, its ?? generator)
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
