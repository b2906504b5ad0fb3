package import Modeling
internal import Retention
package import Tensors

/// A context and the tokens that may follow it.
package struct Continuation: Equatable, Sendable {
  /// The ids before it, including BOS; at least one.
  package let context: [Int32]
  /// The ids that are scored.
  package let tokens: [Int32]

  package init(after context: [Int32], _ tokens: [Int32]) {
    precondition(!context.isEmpty, "Continuation: no context")
    (self.context, self.tokens) = (context, tokens)
  }
}

/// How likely a continuation is under a model.
package struct ContinuationScore: Equatable, Sendable {
  /// Σ ln p of its tokens, each given those before it.
  package let logLikelihood: Double
  /// Whether each token is the most likely one at its position; among equals, the lower id is.
  package let isGreedy: Bool

  package init(logLikelihood: Double, isGreedy: Bool) {
    (self.logLikelihood, self.isGreedy) = (logLikelihood, isGreedy)
  }
}

/// Scores continuations. What their contexts have in common is read once; the rest of each starts from a copy of that
/// state, and up to sixteen are read together.
///
/// Cost: one token for each token of the common context, and one for each of the rest. The rest of shorter ones is
/// padded to the longest of the sixteen.
package struct ContinuationScorer {
  /// The most continuations that are read together.
  package static let limit = 16
  /// The number of tokens of a chunk, and of each of several sequences that are read at a time.
  private static let chunkLength = 64
  /// The number of tokens of a context that are read at a time.
  private static let segmentLength = 512

  private let network: LanguageModel
  private let precision: ProductPrecision
  private let pool: WorkerPool
  private let form = RetentionForm.chunkwise(chunkLength: Self.chunkLength)
  /// Memory by the number of sequences, made when it is needed.
  private var memories: [Int: InferenceMemory] = [:]
  private var common: ModelState
  private let logits: Tensor
  private let losses: Tensor
  private let scored: Tensor

  /// - Parameters:
  ///   - network: The model.
  ///   - precision: Precision of products with Float32 weights.
  ///   - pool: Where the work runs.
  package init(_ network: LanguageModel, precision: ProductPrecision, on pool: WorkerPool) {
    let configuration = network.configuration
    (self.network, self.precision, self.pool) = (network, precision, pool)
    common = ModelState(configuration, batch: 1)
    let rows = configuration.logitRows
    logits = Tensor(Shape(rows, configuration.vocabularySize))
    losses = Tensor(Shape(rows))
    scored = Tensor(Shape(rows, configuration.width))
  }

  /// Scores continuations independently of each other.
  ///
  /// - Parameter continuations: Any number; one without tokens has log-likelihood 0 and is greedy.
  /// - Returns: A score for each of them, in their order.
  package mutating func scores(of continuations: [Continuation]) -> [ContinuationScore] {
    guard let first = continuations.first else { return [] }
    // The last token of a context predicts the first of the continuation, so it belongs to the rest.
    let shared = continuations.dropFirst().reduce(first.context.dropLast()) { shared, continuation in
      shared.prefix(zip(shared, continuation.context.dropLast()).prefix { $0 == $1 }.count)
    }
    common.clear(on: pool)
    read(shared)
    var scores: [ContinuationScore] = []
    for start in stride(from: 0, to: continuations.count, by: Self.limit) {
      let part = continuations[start..<min(start + Self.limit, continuations.count)]
      scores += score(part, shared.count)
    }
    return scores
  }

  /// Reads the common part of the contexts.
  private mutating func read(_ tokens: ArraySlice<Int32>) {
    let length = min(Self.segmentLength, network.configuration.rotation.longestCall ?? .max)
    for start in stride(from: tokens.startIndex, to: tokens.endIndex, by: length) {
      let ids = Indices(Array(tokens[start..<min(start + length, tokens.endIndex)]))
      _ = network.forward(
        ids, batch: 1, form: form, state: &common, precision: precision, memory: memory(sequences: 1), on: pool)
    }
  }

  /// Scores up to sixteen continuations from the common state.
  private mutating func score(_ continuations: ArraySlice<Continuation>, _ sharedCount: Int) -> [ContinuationScore] {
    let rests = continuations.map { Array($0.context[sharedCount...]) + $0.tokens }
    let firstScored = continuations.map { $0.context.count - sharedCount - 1 }
    var sums = [Double](repeating: 0, count: rests.count)
    var areGreedy = [Bool](repeating: true, count: rests.count)
    let batch = rests.count
    var states = ModelState(network.configuration, batch: batch)
    for sequence in 0..<batch { states.copy(sequence: sequence, common, sequence: 0, on: pool) }
    states.position = common.position
    // The last token of a rest predicts nothing that is scored.
    let length = rests.reduce(0) { max($0, $1.count - 1) }
    let piece = batch == 1 ? Self.segmentLength : Self.chunkLength
    let most = min(piece, network.configuration.rotation.longestCall ?? .max)
    for start in stride(from: 0, to: length, by: most) {
      let time = min(most, length - start)
      let ids = rests.flatMap { rest in
        (start..<start + time).map { $0 < rest.count - 1 ? rest[$0] : 0 }
      }
      let normed = network.forward(
        Indices(ids), batch: batch, form: form, state: &states, precision: precision,
        memory: memory(sequences: batch), on: pool)
      var (rows, targets, owners): ([Int32], [Int32], [Int]) = ([], [], [])
      for (sequence, rest) in rests.enumerated() {
        let first = max(start, firstScored[sequence])
        for place in first..<max(first, min(start + time, rest.count - 1)) {
          rows.append(Int32(sequence * time + place - start))
          targets.append(rest[place + 1])
          owners.append(sequence)
        }
      }
      add(rows, targets, owners, normed, &sums, &areGreedy)
    }
    return zip(sums, areGreedy).map { ContinuationScore(logLikelihood: $0, isGreedy: $1) }
  }

  /// Adds the log-probabilities of targets to the sums of their owners.
  private func add(
    _ rows: [Int32], _ targets: [Int32], _ owners: [Int], _ normed: Tensor, _ sums: inout [Double],
    _ areGreedy: inout [Bool]
  ) {
    let size = network.configuration.vocabularySize
    for start in stride(from: 0, to: rows.count, by: losses.count) {
      let range = start..<min(start + losses.count, rows.count)
      let (inputs, block) = (scored.prefix(range.count), logits.prefix(range.count))
      gatherRows(inputs, normed, Indices(Array(rows[range])))
      network.computeLogits(block, inputs, precision: precision, on: pool)
      crossEntropy(losses.prefix(range.count), logits: block, targets: Indices(Array(targets[range])), on: pool)
      let values = block.values
      for (row, place) in range.enumerated() {
        sums[owners[place]] -= Double(losses[row])
        let target = row * size + Int(targets[place])
        let isGreedy =
          areGreedy[owners[place]]
          && !(row * size..<target).contains { values[$0] >= values[target] }
          && !(target + 1..<(row + 1) * size).contains { values[$0] > values[target] }
        areGreedy[owners[place]] = isGreedy
      }
    }
  }

  private mutating func memory(sequences: Int) -> InferenceMemory {
    if let memory = memories[sequences] { return memory }
    let made = InferenceMemory(
      network.configuration, form: form, batch: sequences,
      time: sequences == 1 ? Self.segmentLength : Self.chunkLength, workers: pool.threadCount)
    memories[sequences] = made
    return made
  }
}
