internal import Glibc
package import Tensors

/// How the next token is chosen from the logits.
package struct SamplingOptions: Sendable, Equatable {
  /// Divides the logits; 0 takes the most likely token.
  package var temperature = 0.8
  /// Keeps the k most likely tokens; 0 keeps all.
  package var topK = 40
  /// Keeps the most likely tokens that together have at least this probability; 1 keeps all.
  package var topP = 0.95

  package init() {}
}

/// Chooses tokens: temperature, then the k most likely, then the nucleus (Holtzman et al. 2020), then by chance
/// (docs/MATH.md, eq. 30).
///
/// Equal logits are ordered by their id, so that the same seed gives the same tokens on any number of threads.
package struct Sampler {
  package let options: SamplingOptions
  private var source: RandomSource
  private var candidates: [Candidate] = []

  fileprivate struct Candidate {
    let id: Int32
    let logit: Float
    var weight: Double = 0

    /// More likely first, lower id first among equals.
    static func precedes(_ a: Candidate, _ b: Candidate) -> Bool {
      a.logit > b.logit || (a.logit == b.logit && a.id < b.id)
    }
  }

  package init(_ options: SamplingOptions, seed: UInt64) {
    self.options = options
    source = RandomSource(seed: seed)
  }

  /// Chooses from one row of logits.
  ///
  /// - Parameter logits: [N].
  /// - Returns: The token's id. A logit that is not a number is never chosen unless all are.
  package mutating func choose(_ logits: Tensor) -> Int32 {
    logits.withMutableSpan { logits in
      options.temperature == 0 ? mostLikely(logits.span) : drawn(from: logits.span)
    }
  }

  private func mostLikely(_ logits: Span<Float>) -> Int32 {
    var (best, logit) = (0, -Float.infinity)
    for index in logits.indices where logits[index] > logit { (best, logit) = (index, logits[index]) }
    return Int32(best)
  }

  private mutating func drawn(from logits: Span<Float>) -> Int32 {
    gather(logits)
    guard let top = candidates.first else { return mostLikely(logits) }
    guard top.logit.isFinite else { return top.id }
    var total = 0.0
    for index in candidates.indices {
      candidates[index].weight = exp(Double(candidates[index].logit - top.logit) / options.temperature)
      total += candidates[index].weight
    }
    var kept = candidates.count
    if options.topP < 1 {
      var sum = 0.0
      kept = 0
      while kept < candidates.count, sum < options.topP * total {
        sum += candidates[kept].weight
        kept += 1
      }
      total = sum
      kept = max(kept, 1)
    }
    var left = source.uniform() * total
    for index in 0..<kept {
      left -= candidates[index].weight
      if left < 0 { return candidates[index].id }
    }
    return candidates[kept - 1].id
  }

  /// The k most likely tokens in order, or all.
  private mutating func gather(_ logits: Span<Float>) {
    candidates.removeAll(keepingCapacity: true)
    let limit = options.topK == 0 ? logits.count : min(options.topK, logits.count)
    for index in logits.indices where !logits[index].isNaN {
      let candidate = Candidate(id: Int32(index), logit: logits[index])
      if limit < logits.count {
        // A short sorted list: most tokens fail the first comparison.
        if candidates.count == limit {
          guard let last = candidates.last, Candidate.precedes(candidate, last) else { continue }
          candidates.removeLast()
        }
        let place = candidates.partitionPoint { Candidate.precedes($0, candidate) }
        candidates.insert(candidate, at: place)
      } else {
        candidates.append(candidate)
      }
    }
    if limit == logits.count { candidates.sort(by: Candidate.precedes) }
  }
}

extension [Sampler.Candidate] {
  /// The first index whose element does not satisfy the predicate; those that do come first.
  fileprivate func partitionPoint(_ belongsBefore: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if belongsBefore(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
