package import Modeling
package import Tensors

/// Reads a prompt and decodes one token at a time, in memory that does not grow with the text.
///
/// A prompt is split at multiples of the chunk length. Whole chunks go through the chunkwise form, the rest through the
/// recurrent form. When more of the prompt completes such a rest to a whole chunk, the chunk is read again from the
/// state before it.
///
/// So the bits depend only on the tokens, and on which of them were generated here. Where reads end and the number of
/// threads change no bit. Neither does saving the progress to a file in between.
package struct Generator {
  package let network: LanguageModel
  package private(set) var progress: ReadingProgress
  /// The initial state, to which `restart` returns; nil: an empty one.
  private let start: ModelState?
  /// Memory for up to sixteen tokens in the recurrent form.
  private let memory: InferenceMemory
  /// Memory for whole chunks, allocated for the first one: most of it grows with the square of the chunk length.
  private var chunkMemory: InferenceMemory?
  private let ids: Indices
  private let pool: WorkerPool

  /// A generator that has read nothing.
  ///
  /// - Parameters:
  ///   - network: The model.
  ///   - chunkLength: The number of prompt tokens read at a time.
  ///   - pool: Where the work runs.
  package init(_ network: LanguageModel, chunkLength: Int, on pool: WorkerPool) {
    let configuration = network.configuration
    self.init(
      network,
      ReadingProgress(vocabularySize: configuration.vocabularySize, chunkLength: chunkLength) {
        ModelState(configuration, batch: 1)
      }, start: nil, on: pool)
  }

  /// A generator that resumes from the progress of another one of the same model, or starts from an initial state.
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
    // Without a rest, a state file holds an empty boundary.
    if progress.rest?.isEmpty == true { self.progress.boundary.copy(progress.point, on: pool) }
  }

  /// Forgets everything that was read and returns to the initial state.
  package mutating func restart() {
    if let start { progress.point.state.copy(start, on: pool) } else { progress.point.state.clear(on: pool) }
    progress.point.digest = IDDigest()
    progress.boundary.copy(progress.point, on: pool)
    (progress.rest, progress.history) = ([], nil)
    progress.ids = progress.ids.map { _ in [] }
  }

  /// Exchanges the progress with another one, so that several prompts are read with the memory of one generator.
  ///
  /// - Parameter other: Progress of the same model, with the same chunk length.
  package mutating func exchange(_ other: inout ReadingProgress) {
    precondition(other.chunkLength == chunkLength, "exchange: chunks of \(other.chunkLength) and \(chunkLength)")
    swap(&progress, &other)
  }

  package var state: ModelState { progress.point.state }
  package var chunkLength: Int { progress.chunkLength }

  /// Starts a history for undo; see `UndoHistory`.
  package mutating func keepHistory(window: Int) { progress.keepHistory(window: window, on: pool) }

  /// Starts or stops keeping all ids; see `ReadingProgress.keepIDs`.
  package mutating func keepIDs(_ keeps: Bool) -> Bool { progress.keepIDs(keeps) }

  /// Reads prompt tokens; afterwards `nextLogits` are those after the last one.
  ///
  /// - Parameters:
  ///   - tokens: Any number.
  ///   - meter: Adds up −ln p of the tokens, if given. It changes no bit of the result.
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
        // The tokens share one pass over the weights. The bits of a row do not depend on the other rows.
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

  /// Undoes the last tokens. The result is bit-identical to never having read them.
  ///
  /// - Parameter count: At most `progress.history.limit`.
  package mutating func undo(_ count: Int) {
    replay(goBack(count))
  }

  /// Returns to a place before the last tokens.
  ///
  /// - Parameter count: At most `progress.history.limit`.
  /// - Returns: The tokens that `replay` must read to complete the undo; none if the count is 0.
  package mutating func goBack(_ count: Int) -> [ReadToken] {
    guard count > 0 else { return [] }
    guard var history = progress.history, count <= history.limit else {
      preconditionFailure("undo: \(count) tokens, \(progress.history?.limit ?? 0) possible")
    }
    let (place, tokens) = history.goBack(to: state.position - count)
    progress.history = history
    let taken = state.position - place.state.position
    progress.ids?.removeLast(taken)
    progress.point.copy(place, on: pool)
    startChunk()
    return tokens
  }

  /// Reads tokens again, in the forms in which they were read. How they are split changes no bit.
  package mutating func replay(_ tokens: some Collection<ReadToken>) {
    var left = Array(tokens)[...]
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

  /// Runs tokens through the network. The first `known` of them are read again; the meter does not count them twice.
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

  /// Makes the current place the boundary if a chunk starts here; otherwise the rest is unknown.
  private mutating func startChunk() {
    let isBoundary = state.position % chunkLength == 0
    progress.rest = isBoundary ? [] : nil
    if isBoundary { progress.boundary.copy(progress.point, on: pool) }
  }

  private func computeLogits(_ normed: Tensor, row: Int) {
    let width = network.configuration.width
    network.computeLogits(progress.logits, normed.view(Shape(1, width), at: row * width), on: pool)
  }

  /// The logits [N] of the next token; valid until the next read.
  ///
  /// - Precondition: Something was read.
  package var nextLogits: Tensor {
    precondition(state.position > 0, "nextLogits: nothing was read")
    return progress.logits.view(Shape(network.configuration.vocabularySize))
  }
}

/// The default number of prompt tokens read at a time. It affects the last bits, so it is not measured but comes from a
/// table of model shapes, the same on every machine.
package enum PromptChunkLength {
  /// The allowed chunk lengths.
  package static let range = 1...65_536

  /// Chunk lengths with the minimum model width for each. Longer chunks are faster for prompts of whole chunks, but
  /// slower for the rest. Shorter ones are faster for prompts of less than a few hundred tokens (docs/BENCHMARKS.md).
  private static let table = [(width: 0, length: 64), (width: 512, length: 128)]

  /// The chunk length for a model's shape.
  package static func length(_ configuration: ModelConfiguration) -> Int {
    table.last { configuration.width >= $0.width }?.length ?? table[0].length
  }
}
