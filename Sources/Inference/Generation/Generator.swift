package import Modeling
package import Tensors

/// Reads a prompt and then makes one token after the other, in memory that does not grow with what is read.
///
/// A prompt is cut at positions that are multiples of the chunk length: whole chunks go through the chunkwise form, what is
/// left goes through the recurrent form. When more of the prompt has made the rest a whole chunk, it is read again as one,
/// from the state before it. So the bits depend on the tokens and on which of them were made here, never on where reads
/// end, on the threads, or on whether the progress was written to a file in between.
package struct Generator {
  package let network: LanguageModel
  package private(set) var progress: ReadingProgress
  /// What it started from, if that was a state of which nothing was read.
  private let start: ModelState?
  /// For up to sixteen tokens in the recurrent form.
  private let memory: InferenceMemory
  /// For whole chunks: made when the first one is read, as most of it grows with the square of the chunk length.
  private var chunkMemory: InferenceMemory?
  private let ids: Indices
  private let pool: WorkerPool

  /// - Parameters:
  ///   - network: The model.
  ///   - chunkLength: Tokens of the prompt that are read at a time.
  ///   - pool: Where the work runs.
  package init(_ network: LanguageModel, chunkLength: Int, on pool: WorkerPool) {
    let configuration = network.configuration
    self.init(
      network,
      ReadingProgress(vocabularySize: configuration.vocabularySize, chunkLength: chunkLength) {
        ModelState(configuration, batch: 1)
      }, start: nil, on: pool)
  }

  /// Goes on from what another generator of the same model has left, or from a state that texts start from.
  package init(_ network: LanguageModel, _ progress: ReadingProgress, on pool: WorkerPool) {
    var start: ModelState?
    if progress.position == 0 {
      start = progress.point.state.emptyCopy
      start?.copy(progress.point.state, on: pool)
    }
    self.init(network, progress, start: start, on: pool)
  }

  private init(_ network: LanguageModel, _ progress: ReadingProgress, start: ModelState?, on pool: WorkerPool) {
    self.network = network
    self.progress = progress
    self.start = start
    self.pool = pool
    memory = InferenceMemory(
      network.configuration, form: .recurrent, batch: 1, time: fewRowsLimit, workers: pool.threadCount)
    ids = Indices(count: progress.chunkLength)
    // A file has the boundary only where there is a rest.
    if progress.rest?.isEmpty == true { self.progress.boundary.copy(progress.point, on: pool) }
  }

  /// Forgets everything that was read.
  package mutating func restart() {
    if let start { progress.point.state.copy(start, on: pool) } else { progress.point.state.clear(on: pool) }
    progress.point.digest = IDDigest()
    progress.boundary.copy(progress.point, on: pool)
    (progress.rest, progress.history) = ([], nil)
    progress.ids = progress.ids.map { _ in [] }
  }

  package var state: ModelState { progress.point.state }
  package var chunkLength: Int { progress.chunkLength }

  /// Keeps a history from here on; see `UndoHistory`.
  package mutating func keepHistory(window: Int) { progress.keepHistory(window: window, on: pool) }

  /// Keeps or forgets all ids from here on; see `ReadingProgress.keepIDs`.
  package mutating func keepIDs(_ keeps: Bool) -> Bool { progress.keepIDs(keeps) }

  /// Reads tokens of a prompt; afterwards `nextLogits` are those that follow the last one.
  ///
  /// - Parameters:
  ///   - tokens: Any number.
  ///   - meter: Counts what they cost, if given. That changes no bit of what is read.
  package mutating func read(_ tokens: some Collection<Int32>, meter: TokenMeter? = nil) {
    var left = tokens[...]
    while !left.isEmpty {
      let room = chunkLength - state.position % chunkLength
      if let meter, state.position > 0, let first = left.first { meter.add(first, logits: progress.logits) }
      if let rest = progress.rest, left.count >= room {
        note(left.prefix(room), isMade: false)
        if !rest.isEmpty { progress.point.state.copy(progress.boundary.state, on: pool) }
        forward(
          rest + left.prefix(room), form: .chunkwise(chunkLength: chunkLength), isLast: left.count == room,
          meter, known: rest.count)
        left = left.dropFirst(room)
      } else {
        // Each by itself, but the weights are read once for all: a row's bits do not depend on the other rows.
        let piece = left.prefix(min(room, fewRowsLimit))
        note(piece, isMade: false)
        progress.rest?.append(contentsOf: piece)
        left = left.dropFirst(piece.count)
        forward(piece, form: .recurrent, isLast: left.isEmpty, meter)
      }
    }
  }

  /// Reads a token that was chosen from `nextLogits`, in the recurrent form.
  package mutating func append(_ token: Int32) {
    note(CollectionOfOne(token), isMade: true)
    progress.rest = nil
    forward(CollectionOfOne(token), form: .recurrent, isLast: true)
  }

  /// Takes back the last tokens, as if they had never been read, to the bit.
  ///
  /// - Parameter count: At most `progress.history.limit`.
  package mutating func undo(_ count: Int) {
    guard count > 0 else { return }
    guard var history = progress.history, count <= history.limit else {
      preconditionFailure("undo: \(count) tokens, \(progress.history?.limit ?? 0) possible")
    }
    let (place, tokens) = history.goBack(to: state.position - count)
    progress.history = history
    let taken = state.position - place.state.position
    progress.ids?.removeLast(taken)
    progress.point.copy(place, on: pool)
    startChunk()
    var left = tokens[...]
    while let first = left.first {
      let run = left.prefix { $0.isMade == first.isMade }.map(\.id)
      if first.isMade { run.forEach { append($0) } } else { read(run) }
      left = left.dropFirst(run.count)
    }
  }

  private mutating func note(_ tokens: some Collection<Int32>, isMade: Bool) {
    progress.point.digest.append(tokens)
    progress.ids?.append(contentsOf: tokens)
    progress.history?.note(tokens, isMade: isMade)
  }

  /// Runs tokens through the network; the first `known` of them were counted before.
  private mutating func forward(
    _ tokens: some Collection<Int32>, form: RetentionForm, isLast: Bool, _ meter: TokenMeter? = nil, known: Int = 0
  ) {
    for (index, token) in tokens.enumerated() { ids[index] = token }
    let memory = form == .recurrent ? memory : memoryOfChunks()
    let normed = network.forward(
      ids.slice(0..<tokens.count), batch: 1, form: form, state: &progress.point.state, memory: memory, on: pool)
    meter?.add(Array(tokens.dropFirst(known + 1)), normed: normed, row: known)
    if isLast || meter != nil { computeLogits(normed, row: tokens.count - 1) }
    if state.position % chunkLength == 0 { startChunk() }
    progress.history?.moved(to: progress.point, on: pool)
  }

  private mutating func memoryOfChunks() -> InferenceMemory {
    if let chunkMemory { return chunkMemory }
    let made = InferenceMemory(
      network.configuration, form: .chunkwise(chunkLength: chunkLength), batch: 1, time: chunkLength,
      workers: pool.threadCount)
    chunkMemory = made
    return made
  }

  /// Takes the present place for the last multiple of the chunk length, if it is one.
  private mutating func startChunk() {
    let isBoundary = state.position % chunkLength == 0
    progress.rest = isBoundary ? [] : nil
    if isBoundary { progress.boundary.copy(progress.point, on: pool) }
  }

  private func computeLogits(_ normed: Tensor, row: Int) {
    let width = network.configuration.width
    network.computeLogits(progress.logits, normed.view(Shape(1, width), at: row * width), on: pool)
  }

  /// The logits of the token after those read [N]; valid until the next read.
  ///
  /// - Precondition: Something was read.
  package var nextLogits: Tensor {
    precondition(state.position > 0, "nextLogits: nothing was read")
    return progress.logits.view(Shape(network.configuration.vocabularySize))
  }
}

/// How many tokens of a prompt are read at a time: from a table, so that the same model gives the same bits everywhere.
package enum PromptChunkLength {
  /// The lengths that can be asked for.
  package static let range = 1...65_536

  /// Least model width and the chunk length from there on. Longer ones gain on prompts of whole chunks and lose on the
  /// rest; shorter ones gain on prompts of less than a few hundred tokens (docs/BENCHMARKS.md).
  private static let table = [(width: 0, length: 64), (width: 512, length: 128)]

  /// The chunk length for a model's shape.
  package static func length(_ configuration: ModelConfiguration) -> Int {
    table.last { configuration.width >= $0.width }?.length ?? table[0].length
  }
}
