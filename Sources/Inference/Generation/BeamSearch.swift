package import Modeling
package import Tensors

/// Looks for the continuation with the highest probability, keeping the N best beginnings at each step.
package enum BeamSearch {
  /// A continuation and ln p of it, EOS included where it ends by that.
  package struct Hypothesis: Equatable, Sendable {
    package var tokens: [Int32]
    package var logProbability: Double
    package var isFinished: Bool
  }

  /// - Parameters:
  ///   - network: The model.
  ///   - progress: What was read.
  ///   - beams: N, 1 to `BatchDecoder.limit`.
  ///   - count: Tokens of a continuation at most.
  ///   - eosID: Ends a continuation and is not part of its tokens; nil: nothing does.
  ///   - options: Their biases are added to the logits; all else does not matter.
  ///   - pool: Where the work runs.
  ///   - check: Called before each token; ends the search by throwing.
  /// - Returns: The N best, best first. Among equals, that of the better beginning and then of the lower id.
  /// - Throws: `TokenChoiceError`, and what `check` throws.
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
      // What goes on can only lose: no live one will come among the best any more.
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

  /// The best ways to go on, best first: more of each than can be kept, as one of them may be EOS.
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
