package import Modeling
package import Tensors

/// Reads a prompt and then makes one token after the other, in memory that does not grow.
///
/// A read is cut at positions that are multiples of the chunk length: whole chunks go through the chunkwise form, what is
/// left goes token by token. So the bits depend on the tokens and on where reads end, never on the threads.
package struct Generator {
  package let network: RetNet
  package private(set) var state: ModelState
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
    memory = InferenceMemory(
      network.configuration, form: .chunkwise(chunkLength: chunkLength), batch: 1, time: chunkLength,
      workers: pool.threadCount)
    ids = Indices(count: chunkLength)
    logits = Tensor(Shape(1, network.configuration.vocabularySize))
  }

  /// Reads tokens; afterwards `nextLogits` are those that follow the last one.
  package mutating func read(_ tokens: some Collection<Int32>) {
    var rest = tokens[...]
    while !rest.isEmpty {
      let isWholeChunk = state.position % chunkLength == 0 && rest.count >= chunkLength
      let count = isWholeChunk ? chunkLength : 1
      for (index, token) in rest.prefix(count).enumerated() { ids[index] = token }
      rest = rest.dropFirst(count)
      let normed = network.forward(
        ids.slice(0..<count), batch: 1, form: isWholeChunk ? .chunkwise(chunkLength: chunkLength) : .recurrent,
        state: &state, memory: memory, on: pool)
      if rest.isEmpty {
        let width = network.configuration.width
        network.computeLogits(logits, normed.view(Shape(1, width), at: (count - 1) * width), on: pool)
      }
    }
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
