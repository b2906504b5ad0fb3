package import Modeling
package import Tensors

/// Reads a prompt and then makes one token after the other, in memory that does not grow.
///
/// A prompt is cut at positions that are multiples of the chunk length: whole chunks go through the chunkwise form, what is
/// left goes through the recurrent form. When more of the prompt has made the rest a whole chunk, it is read again as one, from the
/// state before it. So the bits depend on the tokens and on which of them were made here, never on where reads end or on
/// the threads.
package struct Generator {
  package let network: RetNet
  package private(set) var state: ModelState
  /// The state at the last multiple of the chunk length.
  private var boundary: ModelState
  /// The tokens since then, unless one of them was made here: such a chunk goes to its end token by token.
  private var rest: [Int32]? = []
  /// Tokens of the prompt that are read at a time.
  package let chunkLength: Int
  private let memory: InferenceMemory
  private let ids: Indices
  private let logits: Tensor
  private let pool: WorkerPool

  /// - Parameters:
  ///   - network: The model.
  ///   - chunkLength: Tokens of the prompt that are read at a time.
  ///   - pool: Where the work runs.
  package init(_ network: RetNet, chunkLength: Int, on pool: WorkerPool) {
    self.network = network
    self.chunkLength = chunkLength
    self.pool = pool
    state = ModelState(network.configuration, batch: 1)
    boundary = ModelState(network.configuration, batch: 1)
    memory = InferenceMemory(
      network.configuration, form: .chunkwise(chunkLength: chunkLength), batch: 1, time: chunkLength,
      workers: pool.threadCount)
    ids = Indices(count: chunkLength)
    logits = Tensor(Shape(1, network.configuration.vocabularySize))
  }

  /// Reads tokens of a prompt; afterwards `nextLogits` are those that follow the last one.
  package mutating func read(_ tokens: some Collection<Int32>) {
    var left = tokens[...]
    while !left.isEmpty {
      let room = chunkLength - state.position % chunkLength
      if let rest, left.count >= room {
        if !rest.isEmpty { state.copy(boundary, on: pool) }
        forward(rest + left.prefix(room), form: .chunkwise(chunkLength: chunkLength), isLast: left.count == room)
        left = left.dropFirst(room)
      } else {
        // Each by itself, but the weights are read once for all: a row's bits do not depend on the other rows.
        let piece = left.prefix(min(room, fewRowsLimit))
        rest?.append(contentsOf: piece)
        left = left.dropFirst(piece.count)
        forward(piece, form: .recurrent, isLast: left.isEmpty)
      }
    }
  }

  /// Reads a token that was chosen from `nextLogits`, in the recurrent form.
  package mutating func append(_ token: Int32) {
    rest = nil
    forward(CollectionOfOne(token), form: .recurrent, isLast: true)
  }

  private mutating func forward(_ tokens: some Collection<Int32>, form: RetentionForm, isLast: Bool) {
    for (index, token) in tokens.enumerated() { ids[index] = token }
    let normed = network.forward(
      ids.slice(0..<tokens.count), batch: 1, form: form, state: &state, memory: memory, on: pool)
    if isLast { computeLogits(normed, row: tokens.count - 1) }
    guard state.position % chunkLength == 0 else { return }
    boundary.copy(state, on: pool)
    rest = []
  }

  private func computeLogits(_ normed: Tensor, row: Int) {
    let width = network.configuration.width
    network.computeLogits(logits, normed.view(Shape(1, width), at: row * width), on: pool)
  }

  /// The logits of the token after those read [N]; valid until the next read.
  ///
  /// - Precondition: Something was read.
  package var nextLogits: Tensor {
    precondition(state.position > 0, "nextLogits: nothing was read")
    return logits.view(Shape(network.configuration.vocabularySize))
  }

  /// Chooses the next token and reads it.
  package mutating func next(_ sampler: inout Sampler) -> Int32 {
    let token = sampler.choose(nextLogits)
    append(token)
    return token
  }
}
