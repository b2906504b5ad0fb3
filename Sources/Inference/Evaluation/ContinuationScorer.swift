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

  private let network: LanguageModel
  private let precision: ProductPrecision
  private let pool: WorkerPool
  private let form = RetentionForm.chunkwise(chunkLength: Self.chunkLength)
  /// Memory by the number of sequences, made when it is needed.
  private var memories: [Int: InferenceMemory] = [:]
  private var common: ModelState
  private let block: LossBlock
  private let scored: Tensor

  /// - Parameters:
  ///   - network: The model.
  ///   - precision: Precision of products with Float32 weights.
  ///   - pool: Where the work runs.
  package init(_ network: LanguageModel, precision: ProductPrecision, on pool: WorkerPool) {
    (self.network, self.precision, self.pool) = (network, precision, pool)
    common = ModelState(network.configuration, batch: 1)
    block = LossBlock(network, precision: precision, on: pool)
    scored = Tensor(Shape(block.limit, network.configuration.width))
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
    for segment in tokens.indices.blocks(of: segmentLength(sequences: 1)) {
      _ = network.forward(
        Indices(Array(tokens[segment])), batch: 1, form: form, state: &common, precision: precision,
        memory: memory(sequences: 1), on: pool)
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
    for segment in (0..<max(0, length)).blocks(of: segmentLength(sequences: batch)) {
      let ids = rests.flatMap { rest in segment.map { $0 < rest.count - 1 ? rest[$0] : 0 } }
      let normed = network.forward(
        Indices(ids), batch: batch, form: form, state: &states, precision: precision,
        memory: memory(sequences: batch), on: pool)
      var (rows, targets, owners): ([Int32], [Int32], [Int]) = ([], [], [])
      for (sequence, rest) in rests.enumerated() {
        let first = max(segment.lowerBound, firstScored[sequence])
        for place in first..<max(first, min(segment.upperBound, rest.count - 1)) {
          rows.append(Int32(sequence * segment.count + place - segment.lowerBound))
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
    for range in rows.indices.blocks(of: block.limit) {
      let inputs = scored.prefix(range.count)
      gatherRows(inputs, normed, Indices(Array(rows[range])))
      let values = block.compute(0..<range.count, of: inputs, targets: Indices(Array(targets[range]))).values
      for (row, place) in range.enumerated() {
        sums[owners[place]] -= Double(block.losses[row])
        let target = row * size + Int(targets[place])
        let isGreedy =
          areGreedy[owners[place]]
          && !(row * size..<target).contains { values[$0] >= values[target] }
          && !(target + 1..<(row + 1) * size).contains { values[$0] > values[target] }
        areGreedy[owners[place]] = isGreedy
      }
    }
  }

  /// The number of tokens of each sequence that are read at a time.
  private func segmentLength(sequences: Int) -> Int {
    let length = SegmentMemory.segmentLength(form, network.configuration)
    return sequences == 1 ? length : min(length, Self.chunkLength)
  }

  private mutating func memory(sequences: Int) -> InferenceMemory {
    if let memory = memories[sequences] { return memory }
    let made = InferenceMemory(
      network.configuration, form: form, batch: sequences,
      time: segmentLength(sequences: sequences), workers: pool.threadCount)
    memories[sequences] = made
    return made
  }
}
