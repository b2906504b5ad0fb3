package import Modeling
package import Tensors

/// Searches for the most likely continuation, keeping the N most likely prefixes at each step.
package enum BeamSearch {
  /// A continuation and its ln p, which includes EOS if the continuation ends with it.
  package struct Hypothesis: Equatable, Sendable {
    package var tokens: [Int32]
    package var logProbability: Double
    package var isFinished: Bool
  }

  /// Searches from a text that was read.
  ///
  /// - Parameters:
  ///   - network: The model.
  ///   - progress: The text that was read.
  ///   - beams: N, 1 to `BatchDecoder.limit`.
  ///   - count: The maximum number of tokens in a continuation.
  ///   - eosID: The token that ends a continuation and is not part of its tokens; nil: none.
  ///   - options: The sampling options, of which only the biases are used.
  ///   - pool: Where the work runs.
  ///   - check: Called before each token; it may throw to end the search.
  /// - Returns: The N best, best first. Equal candidates of a step are ordered by their prefixes, then by id.
  /// - Throws: `TokenChoiceError`; the errors of `check`.
  package static func run(
    _ network: LanguageModel, from progress: ReadingProgress, beams: Int, count: Int, eosID: Int32?,
    options: SamplingOptions = SamplingOptions(), on pool: WorkerPool, check: () throws -> Void
  ) throws -> [Hypothesis] {
    var biases = SamplingOptions()
    biases.bias = options.bias
    let adjustment = LogitAdjustment(biases)
    var decoder = BatchDecoder(network, capacity: beams, on: pool)
    decoder.add(progress)
    var live = [Hypothesis(tokens: [], logProbability: 0, isFinished: false)]
    var finished: [Hypothesis] = []
    for step in 0..<count {
      try check()
      var (next, parents) = ([Hypothesis](), [Int]())
      for (parent, token) in try candidates(live, decoder, adjustment, beams: beams) {
        var longer = live[parent]
        longer.logProbability += token.logProbability
        if token.id == eosID {
          longer.isFinished = true
          finished.append(longer)
        } else if next.count < beams {
          longer.tokens.append(token.id)
          next.append(longer)
          parents.append(parent)
        }
        if next.count == beams { break }
      }
      live = next
      // A continuation's ln p never rises, so no live one can still become one of the best.
      let best = sorted(finished).prefix(beams)
      if live.isEmpty { break }
      if best.count == beams, let worst = best.last, live[0].logProbability <= worst.logProbability { break }
      if step < count - 1 {
        decoder.arrange(parents)
        decoder.append(live.compactMap(\.tokens.last))
      }
    }
    return Array(sorted(finished + live).prefix(beams))
  }

  /// The best next tokens of all prefixes, best first: N + 1 for each prefix, because one of them may be EOS.
  private static func candidates(
    _ live: [Hypothesis], _ decoder: BatchDecoder, _ adjustment: LogitAdjustment, beams: Int
  ) throws(TokenChoiceError) -> [(parent: Int, token: TokenLogProbability)] {
    for parent in live.indices { try checkFinite(decoder.logits(parent)) }
    let all = live.indices.flatMap { parent in
      if !adjustment.isIdentity { decoder.logits(parent).withMutableSpan { adjustment.apply(&$0) } }
      return TokenProbabilities(decoder.logits(parent)).top(beams + 1).map { (parent: parent, token: $0) }
    }.filter { $0.token.logProbability > -.infinity }
    func sum(_ candidate: (parent: Int, token: TokenLogProbability)) -> Double {
      live[candidate.parent].logProbability + candidate.token.logProbability
    }
    guard !all.isEmpty else { throw .nothingLeft }
    return all.sorted { a, b in
      if sum(a) != sum(b) { return sum(a) > sum(b) }
      return a.parent != b.parent ? a.parent < b.parent : a.token.id < b.token.id
    }
  }

  private static func sorted(_ hypotheses: [Hypothesis]) -> [Hypothesis] {
    hypotheses.enumerated().sorted { a, b in
      a.element.logProbability != b.element.logProbability
        ? a.element.logProbability > b.element.logProbability : a.offset < b.offset
    }.map(\.element)
  }
}
