internal import Tensors

/// Adjusts logits before a token is chosen: adds biases, then penalises recent tokens (docs/MATH.md, eq. 30).
package struct LogitAdjustment {
  private let penalties: TokenPenalties
  private let bias: [(id: Int32, amount: Float)]
  /// The last ids, oldest first; -1 before the first.
  package private(set) var recent: [Int32]
  private var counts: [Int32: Int] = [:]

  /// - Parameters:
  ///   - options: The sampling options.
  ///   - recent: The recent ids, oldest first, for instance `recent` of an earlier adjustment.
  package init(_ options: SamplingOptions, recent: [Int32]? = nil) {
    penalties = options.penalties
    bias = options.bias.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    let count = options.penalties.isActive ? options.penalties.lastCount : 0
    self.recent = [Int32](repeating: -1, count: count)
    note((recent ?? []).drop { $0 < 0 })
  }

  /// Whether it changes nothing.
  package var isIdentity: Bool { bias.isEmpty && recent.isEmpty }

  /// Records tokens that were read or generated, for the penalties.
  package mutating func note(_ ids: some Sequence<Int32>) {
    guard !recent.isEmpty else { return }
    for id in ids {
      let gone = recent.removeFirst()
      if gone >= 0, let count = counts[gone] { counts[gone] = count == 1 ? nil : count - 1 }
      recent.append(id)
      counts[id, default: 0] += 1
    }
  }

  /// Adjusts logits [N] in place.
  package func apply(_ logits: inout MutableSpan<Float>) {
    for (id, amount) in bias { logits[Int(id)] += amount }
    // Each id is changed once, so their order does not matter.
    for (id, count) in counts {
      var logit = Double(logits[Int(id)])
      if penalties.repetition != 1 {
        logit = logit > 0 ? logit / penalties.repetition : logit * penalties.repetition
      }
      logits[Int(id)] = Float(logit - penalties.presence - penalties.frequency * Double(count))
    }
  }
}
