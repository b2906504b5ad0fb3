internal import Inference
internal import Modeling
internal import Tensors

/// Makes texts, up to sixteen at a time, step by step: the one decode loop of the program.
///
/// A step reads one chunk of a prompt that waits, then chooses a token for every text. Each text is bit-identical to one
/// that is made alone, whatever else is in the batch. What was chosen is read at the beginning of the next step, so
/// that the caller can show it first.
///
/// ```swift
/// var batch = TextBatch(network, capacity: 4, on: pool)
/// let id = batch.submit(.prompt(ids, chunkLength: 64), maker)
/// while !batch.isEmpty {
///   for event in try batch.step() { … }
/// }
/// ```
struct TextBatch {
  /// What a text begins with.
  enum Start {
    /// A generator that has read the prompt. It makes the text itself and is given back at the end.
    ///
    /// - Parameter readsLast: Whether it reads the last token too, as a state must.
    case generator(Generator, readsLast: Bool)
    /// What a generator has read, which must not change before the next step: that one copies its state.
    case progress(ReadingProgress)
    /// The ids of a prompt, at least one.
    case prompt([Int32], chunkLength: Int)
  }

  /// What a step has brought.
  enum Event {
    /// Characters that are certain now; may be empty.
    case text(id: Int, String)
    /// A text has ended; the generator is that of its start.
    case finished(id: Int, TextMaker, Generator?)
  }

  /// A text that is being made.
  private struct Row {
    let id: Int
    var maker: TextMaker
    /// Chosen and not yet read.
    var pending: Int32?
    /// The one that makes the text; nil: a slot of the decoder.
    var generator: Generator?
    var readsLast = false
  }

  /// A text whose prompt waits.
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
  /// Of the texts without a generator of their own, in the order of `rows`.
  private var decoder: BatchDecoder?
  /// Those with a slot of the decoder come first, in the order of the slots.
  private var rows: [Row] = []
  private var waiting: [Waiting] = []
  /// Texts that are taken into slots by the next step.
  private var ready: [(id: Int, maker: TextMaker, progress: ReadingProgress)] = []
  /// Reads the prompt that waits first.
  private var reader: Generator?
  private var nextID = 0
  /// Ended since the last step.
  private var ended: [Event] = []

  /// Prompt tokens that were read, and the time that it took.
  private(set) var reading = (tokens: 0, time: Duration.zero)

  /// - Parameters:
  ///   - network: The model.
  ///   - capacity: Texts at a time, 1 to `BatchDecoder.limit`.
  ///   - readsAhead: Whether all prompts that wait are read before the next token: more tokens per second, and none of
  ///     them earlier.
  ///   - pool: Where the work runs.
  init(_ network: LanguageModel, capacity: Int, readsAhead: Bool = false, on pool: WorkerPool) {
    self.network = network
    self.capacity = capacity
    self.readsAhead = readsAhead
    self.pool = pool
  }

  /// Texts that have not ended.
  var count: Int { rows.count + waiting.count + ready.count }
  var isEmpty: Bool { count == 0 && ended.isEmpty }
  var hasRoom: Bool { count < capacity }

  /// Takes a text.
  ///
  /// - Parameters:
  ///   - start: What it begins with.
  ///   - maker: Makes it; one that has ended already is told of by the next step.
  /// - Returns: Its number; they count up from 0.
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

  /// Ends a text where it is; the next step tells of it.
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

  /// Ends all texts where they are.
  mutating func cancelAll() { for id in rows.map(\.id) + ready.map(\.id) + waiting.map(\.id) { cancel(id) } }

  /// The generator that makes a text; nil where there is none.
  func generator(of id: Int) -> Generator? { rows.first { $0.id == id }?.generator }

  /// Reads what was chosen and a chunk of a prompt, and chooses a token for every text.
  ///
  /// - Returns: What that has brought, text by text.
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

  /// Takes a text whose prompt is read into a slot.
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

  /// Takes a text out, its last token read where that is wished.
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
    // Sequences come in after this and before the choice, so each has a token.
    decoder?.append(rows.prefix(count).map { $0.pending ?? -1 })
    for index in 0..<count { rows[index].pending = nil }
  }

  /// Reads a chunk of the prompt that waits first, which begins its text when it is read.
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
  /// Makes one text with a generator, alone.
  ///
  /// - Parameters:
  ///   - generator: Has read the prompt; has read what was made afterwards, also where this throws.
  ///   - maker: Makes the text.
  ///   - readsLast: Whether the last token is read too.
  ///   - pool: Where the work runs.
  ///   - isWished: Asked before each token; the text ends where it is if not.
  ///   - show: Gets the characters as they come.
  /// - Returns: What made it.
  /// - Throws: `TokenChoiceError`, and what `show` throws.
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
