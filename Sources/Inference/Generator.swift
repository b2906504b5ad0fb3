package import Modeling
package import Tensors

/// Reads a prompt and then makes one token after the other, in memory that does not grow.
///
/// Tokens are cut at positions that are multiples of the chunk length: whole chunks go through the chunkwise form, what is
/// left goes token by token. When the rest has grown to a chunk it is read again as one, from the state before it. So
/// the bits depend on the tokens alone, never on where reads end or on the threads.
package struct Generator {
  package let network: RetNet
  package private(set) var state: ModelState
  /// The state before the chunk that is not whole yet, and the tokens of that chunk.
  private var boundary: ModelState
  private var rest: [Int32] = []
  private let chunkLength: Int
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
    rest.reserveCapacity(chunkLength)
    memory = InferenceMemory(
      network.configuration, form: .chunkwise(chunkLength: chunkLength), batch: 1, time: chunkLength,
      workers: pool.threadCount)
    ids = Indices(count: chunkLength)
    logits = Tensor(Shape(1, network.configuration.vocabularySize))
  }

  /// Reads tokens; afterwards `nextLogits` are those that follow the last one.
  package mutating func read(_ tokens: some Collection<Int32>) {
    var left = tokens[...]
    while !left.isEmpty {
      let isWholeChunk = rest.count + left.count >= chunkLength
      let count = isWholeChunk ? chunkLength - rest.count : 1
      if isWholeChunk, !rest.isEmpty { state.copy(boundary, on: pool) }
      let first = isWholeChunk ? 0 : rest.count
      rest += left.prefix(count)
      left = left.dropFirst(count)
      for index in first..<rest.count { ids[index - first] = rest[index] }
      let normed = network.forward(
        ids.slice(0..<rest.count - first), batch: 1,
        form: isWholeChunk ? .chunkwise(chunkLength: chunkLength) : .recurrent, state: &state, memory: memory, on: pool)
      if left.isEmpty { computeLogits(normed, row: rest.count - first - 1) }
      if isWholeChunk {
        boundary.copy(state, on: pool)
        rest.removeAll(keepingCapacity: true)
      }
    }
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
    read(CollectionOfOne(token))
    return token
  }
}
