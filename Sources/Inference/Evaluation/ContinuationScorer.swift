package import Modeling
package import Tensors

/// How likely a continuation is under a model.
package struct ContinuationScore: Equatable, Sendable {
  /// Σ ln p of its tokens, each given those before it.
  package let logLikelihood: Double
  /// Whether each token is the most likely one at its position.
  package let isGreedy: Bool

  package init(logLikelihood: Double, isGreedy: Bool) {
    (self.logLikelihood, self.isGreedy) = (logLikelihood, isGreedy)
  }
}

/// Scores continuations of a context. The context is read once; each continuation starts from a copy of its state, and
/// up to sixteen are read together.
package struct ContinuationScorer {
  private let network: LanguageModel
  private let chunkLength: Int
  private let pool: WorkerPool

  /// - Parameters:
  ///   - network: The model.
  ///   - pool: Where the work runs.
  package init(_ network: LanguageModel, on pool: WorkerPool) {
    self.network = network
    self.pool = pool
    chunkLength = PromptChunkLength.length(network.configuration)
  }

  /// Scores continuations independently of each other.
  ///
  /// - Parameters:
  ///   - continuations: Token ids; an empty continuation has log-likelihood 0.
  ///   - context: The ids before every continuation, including BOS; at least one.
  /// - Returns: A score for each continuation, in their order.
  package func scores(of continuations: [[Int32]], after context: [Int32]) -> [ContinuationScore] {
    precondition(!context.isEmpty, "ContinuationScorer: no context")
    var generator = Generator(network, chunkLength: chunkLength, on: pool)
    generator.read(context)
    var scores = continuations.map { _ in ContinuationScore(logLikelihood: 0, isGreedy: true) }
    for start in stride(from: 0, to: continuations.count, by: BatchDecoder.limit) {
      let end = min(start + BatchDecoder.limit, continuations.count)
      score(Array(continuations[start..<end]), from: generator.progress, into: &scores[start..<end])
    }
    return scores
  }

  private func score(
    _ continuations: [[Int32]], from progress: ReadingProgress, into scores: inout ArraySlice<ContinuationScore>
  ) {
    var decoder = BatchDecoder(network, capacity: continuations.count, on: pool)
    var slots = continuations.indices.filter { !continuations[$0].isEmpty }
    for _ in slots { decoder.add(progress) }
    var place = 0
    while !slots.isEmpty {
      for (slot, index) in slots.enumerated() {
        let probabilities = TokenProbabilities(decoder.logits(slot))
        let token = continuations[index][place]
        let score = scores[scores.startIndex + index]
        scores[scores.startIndex + index] = ContinuationScore(
          logLikelihood: score.logLikelihood + probabilities[token].logProbability,
          isGreedy: score.isGreedy && probabilities.top(1).first?.id == token)
      }
      place += 1
      for slot in slots.indices.reversed() where continuations[slots[slot]].count == place {
        // The decoder moves its last sequence into the free slot.
        decoder.remove(slot)
        slots.swapAt(slot, slots.count - 1)
        slots.removeLast()
      }
      decoder.append(slots.map { continuations[$0][place - 1] })
    }
  }
}
