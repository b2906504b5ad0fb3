internal import Glibc
package import Tensors

/// Samples tokens from logits (docs/MATH.md, eq. 30).
///
/// The steps, in order: logit bias, penalties, temperature, top-k, typical (Meister et al. 2023), top-p (Holtzman et
/// al. 2020), min-p (Nguyen et al. 2024), a random draw among what is left.
///
/// Equal logits are ordered by id, so that the same seed gives the same tokens on any number of threads.
package struct Sampler {
  package let options: SamplingOptions
  private var adjustment: LogitAdjustment
  private var source: RandomSource
  private var candidates: [Candidate] = []
  private var keys: [UInt64] = []
  private var adjusted: Tensor?

  fileprivate struct Candidate {
    let id: Int32
    let logit: Float
    var weight: Double = 0
    /// |−ln p − entropy|, for the typical cut.
    var strangeness: Double = 0

    /// More likely first, lower id first among equals.
    static func precedes(_ a: Candidate, _ b: Candidate) -> Bool {
      a.logit > b.logit || (a.logit == b.logit && a.id < b.id)
    }

    /// An integer key that sorts in the order of `precedes`.
    static func key(_ logit: Float, _ id: Int) -> UInt64 {
      // The bit pattern of a float grows with its magnitude. Adding zero turns −0 into 0.
      let bits = (logit + 0).bitPattern
      let falling = bits >> 31 == 0 ? ~bits & 0x7FFF_FFFF : bits
      return UInt64(falling) << 32 | UInt64(id)
    }
  }

  /// - Parameters:
  ///   - options: The sampling options.
  ///   - seed: The seed of the random numbers, or `random` of an earlier sampler to resume from.
  ///   - recent: The recent ids, oldest first, for instance `recent` of an earlier sampler.
  package init(_ options: SamplingOptions, seed: UInt64, recent: [Int32]? = nil) {
    self.options = options
    adjustment = LogitAdjustment(options, recent: recent)
    source = RandomSource(seed: seed)
  }

  /// The state of the random number generator.
  package var random: UInt64 { source.state }

  /// The recent ids that penalties apply to; nil if no penalty is active.
  package var recent: [Int32]? { adjustment.recent.isEmpty ? nil : adjustment.recent }

  /// Chooses from one row of logits.
  ///
  /// - Parameter logits: [N].
  /// - Returns: The token's id; nil if no logit is above −∞. A token whose logit is NaN is never chosen.
  package mutating func choose(_ logits: Tensor) -> Int32? {
    var row = logits
    if !adjustment.isIdentity {
      row = adjusted ?? Tensor(logits.shape)
      adjusted = row
      copyHere(row, logits)
      row.withMutableSpan { adjustment.apply(&$0) }
    }
    let token = row.withMutableSpan { options.temperature == 0 ? mostLikely($0.span) : drawn(from: $0.span) }
    if let token { adjustment.note(CollectionOfOne(token)) }
    return token
  }

  private func mostLikely(_ logits: Span<Float>) -> Int32? {
    var (best, logit) = (-1, -Float.infinity)
    for index in logits.indices where logits[index] > logit { (best, logit) = (index, logits[index]) }
    return best < 0 ? nil : Int32(best)
  }

  private mutating func drawn(from logits: Span<Float>) -> Int32? {
    gather(logits)
    guard let top = candidates.first, top.logit > -.infinity else { return nil }
    guard top.logit.isFinite else { return top.id }
    for index in candidates.indices {
      candidates[index].weight = exp(Double(candidates[index].logit - top.logit) / options.temperature)
    }
    if options.typical < 1 { keepTypical() }
    if options.topP < 1 { keep(options.topP * candidates.reduce(0) { $0 + $1.weight }) }
    if options.minP > 0, let most = candidates.first?.weight {
      candidates.removeSubrange(candidates.partitionPoint { $0.weight >= options.minP * most }...)
    }
    var left = source.uniform() * candidates.reduce(0) { $0 + $1.weight }
    for candidate in candidates {
      left -= candidate.weight
      if left < 0 { return candidate.id }
    }
    return candidates.last?.id ?? top.id
  }

  /// Keeps the candidates whose −ln p is nearest to the entropy, the likelier of equally near ones first. They stay in
  /// the order of likelihood.
  private mutating func keepTypical() {
    let total = candidates.reduce(0) { $0 + $1.weight }
    func surprise(_ candidate: Candidate) -> Double {
      candidate.weight > 0 ? -log(candidate.weight / total) : .infinity
    }
    let entropy = candidates.reduce(0) { $1.weight > 0 ? $0 + $1.weight / total * surprise($1) : $0 }
    for index in candidates.indices { candidates[index].strangeness = abs(surprise(candidates[index]) - entropy) }
    candidates.sort { a, b in
      a.strangeness < b.strangeness || (a.strangeness == b.strangeness && Candidate.precedes(a, b))
    }
    keep(options.typical * total)
    candidates.sort(by: Candidate.precedes)
  }

  /// Keeps the shortest prefix of the candidates with at least this weight, and at least one candidate.
  private mutating func keep(_ weight: Double) {
    var (sum, kept) = (0.0, 0)
    while kept < candidates.count, sum < weight {
      sum += candidates[kept].weight
      kept += 1
    }
    candidates.removeSubrange(max(kept, 1)...)
  }

  /// Collects the k most likely tokens in order, or all.
  private mutating func gather(_ logits: Span<Float>) {
    candidates.removeAll(keepingCapacity: true)
    if options.topK == 0 || options.topK >= logits.count { return gatherAll(logits) }
    for index in logits.indices where !logits[index].isNaN {
      let candidate = Candidate(id: Int32(index), logit: logits[index])
      // A short sorted list: most tokens fail the first comparison.
      if candidates.count == options.topK {
        guard let last = candidates.last, Candidate.precedes(candidate, last) else { continue }
        candidates.removeLast()
      }
      let place = candidates.partitionPoint { Candidate.precedes($0, candidate) }
      candidates.insert(candidate, at: place)
    }
  }

  /// Collects all tokens in order, sorted by integer keys, which are cheaper to compare than candidates.
  private mutating func gatherAll(_ logits: Span<Float>) {
    keys.removeAll(keepingCapacity: true)
    for index in logits.indices where !logits[index].isNaN { keys.append(Candidate.key(logits[index], index)) }
    keys.sort()
    for key in keys {
      let id = Int(truncatingIfNeeded: key & 0xFFFF_FFFF)
      candidates.append(Candidate(id: Int32(id), logit: logits[id]))
    }
  }
}

extension [Sampler.Candidate] {
  /// The first index whose element does not satisfy the predicate; all elements that satisfy it must come first.
  fileprivate func partitionPoint(_ belongsBefore: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if belongsBefore(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
