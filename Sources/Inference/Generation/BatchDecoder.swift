package import Modeling
package import Tensors

/// Decodes up to sixteen sequences together, so that each weight is read once for all of them.
///
/// Each sequence has a slot, its own state and its own position; nothing is padded. Each is bit-identical to a sequence
/// that a `Generator` decodes alone: rows of a few-row product do not depend on each other.
package struct BatchDecoder {
  /// The maximum number of sequences.
  package static let limit = fewRowsLimit

  private let network: LanguageModel
  private let memory: InferenceMemory
  private var states: ModelState
  private var spare: ModelState?
  private var positions: [Int] = []
  private let ids: Indices
  private let logits: Tensor
  private let pool: WorkerPool

  /// - Parameters:
  ///   - network: The model.
  ///   - capacity: The maximum number of sequences, 1 to `limit`.
  ///   - pool: Where the work runs.
  package init(_ network: LanguageModel, capacity: Int, on pool: WorkerPool) {
    precondition(1...Self.limit ~= capacity, "BatchDecoder: \(capacity) sequences")
    self.network = network
    self.pool = pool
    memory = InferenceMemory(
      network.configuration, form: .recurrent, batch: capacity, time: 1, workers: pool.threadCount)
    states = ModelState(network.configuration, batch: capacity)
    ids = Indices(count: capacity)
    logits = Tensor(Shape(capacity, network.configuration.vocabularySize))
  }

  /// The current number of sequences.
  package var count: Int { positions.count }

  /// Adds a sequence in the next slot, with a copy of its state.
  package mutating func add(_ progress: ReadingProgress) {
    let slot = count
    precondition(slot < ids.count, "BatchDecoder: all \(ids.count) slots are taken")
    states.copy(sequence: slot, progress.point.state, sequence: 0, on: pool)
    logits(slot).copy(progress.logits.view(Shape(progress.logits.count)), on: pool)
    positions.append(progress.position)
  }

  /// Fills every slot with a copy of one state.
  ///
  /// - Parameters:
  ///   - state: The state of one sequence.
  ///   - position: The position of the next token.
  package mutating func fill(with state: ModelState, position: Int) {
    positions = Array(repeating: position, count: ids.count)
    for slot in positions.indices { states.copy(sequence: slot, state, sequence: 0, on: pool) }
  }

  /// Removes a sequence; the sequence in the last slot moves into its slot.
  package mutating func remove(_ slot: Int) {
    let last = count - 1
    if slot < last {
      states.copy(sequence: slot, states, sequence: last, on: pool)
      logits(slot).copy(logits(last), on: pool)
      positions[slot] = positions[last]
    }
    positions.removeLast()
  }

  /// Replaces the sequence in slot i by a copy of the one in slot `parents[i]`; afterwards there is one sequence per
  /// parent. Logits are not copied, so `append` must follow.
  package mutating func arrange(_ parents: [Int]) {
    let to = spare ?? states.emptyCopy
    for (slot, parent) in parents.enumerated() { to.copy(sequence: slot, states, sequence: parent, on: pool) }
    (spare, states) = (states, to)
    positions = parents.map { positions[$0] }
  }

  /// Reads one token per slot.
  package mutating func append(_ tokens: [Int32]) {
    precondition(tokens.count == count, "BatchDecoder: \(tokens.count) tokens for \(count) sequences")
    guard count > 0 else { return }
    for (slot, token) in tokens.enumerated() { ids[slot] = token }
    var present = states.prefix(count)
    let normed = network.forward(
      ids.slice(0..<count), batch: count, form: .recurrent, state: &present, positions: positions, memory: memory,
      on: pool)
    network.computeLogits(logits.prefix(count), normed, on: pool)
    for slot in positions.indices { positions[slot] += 1 }
  }

  /// Notes a token that `append` has read, in the progress of the slot's text. Numbers are copied only where a chunk
  /// starts; `store` copies the rest at the end.
  ///
  /// - Parameters:
  ///   - token: The token, which was generated.
  ///   - slot: The slot.
  ///   - progress: The progress of its text, which was added.
  package func follow(_ token: Int32, _ slot: Int, _ progress: inout ReadingProgress) {
    progress.point.digest.append(CollectionOfOne(token))
    progress.ids?.append(token)
    progress.history?.note(CollectionOfOne(token), isMade: true)
    progress.point.state.position = positions[slot]
    let isBorder = positions[slot] % progress.chunkLength == 0
    progress.rest = isBorder ? [] : nil
    if isBorder {
      progress.point.state.copy(sequence: 0, states, sequence: slot, on: pool)
      progress.boundary.copy(progress.point, on: pool)
    }
    progress.history?.moved(to: progress.point, on: pool)
  }

  /// Copies a slot's state and logits into the progress of its text.
  package func store(_ slot: Int, in progress: inout ReadingProgress) {
    progress.point.state.copy(sequence: 0, states, sequence: slot, on: pool)
    progress.point.state.position = positions[slot]
    progress.logits.view(Shape(progress.logits.count)).copy(logits(slot), on: pool)
  }

  /// The logits [N] of a slot's next token; valid until the next mutating call.
  package func logits(_ slot: Int) -> Tensor {
    logits.view(Shape(logits.shape[1]), at: slot * logits.shape[1])
  }
}
