internal import Glibc
package import Tensors

/// A token and the logarithm of its probability.
package struct TokenLogProbability: Equatable, Sendable {
  package let id: Int32
  package let logProbability: Double

  package init(id: Int32, logProbability: Double) {
    self.id = id
    self.logProbability = logProbability
  }
}

/// A token that was read or chosen, with its probability and the most likely tokens in its place.
package struct RankedToken: Equatable, Sendable {
  package let chosen: TokenLogProbability
  /// Most likely first.
  package let top: [TokenLogProbability]

  /// - Parameters:
  ///   - id: The token.
  ///   - logits: The logits [N] before it.
  ///   - count: The number of most likely tokens.
  package init(_ id: Int32, logits: Tensor, top count: Int) {
    let probabilities = TokenProbabilities(logits)
    (chosen, top) = (probabilities[id], probabilities.top(count))
  }
}

/// The log-softmax of one row of logits, by token id. NaN logits are left out of its sum.
package struct TokenProbabilities {
  private let logits: [Float]
  private let logSum: Double

  /// - Parameter logits: [N].
  package init(_ logits: Tensor) {
    self.logits = logits.values
    let most = Double(self.logits.reduce(-.infinity) { $1 > $0 ? $1 : $0 })
    logSum = most + log(self.logits.reduce(0.0) { $1.isNaN ? $0 : $0 + exp(Double($1) - most) })
  }

  /// ln p of a token.
  package subscript(_ id: Int32) -> TokenLogProbability {
    TokenLogProbability(id: id, logProbability: Double(logits[Int(id)]) - logSum)
  }

  /// The most likely tokens, most likely first; among equals, the lower id first.
  package func top(_ count: Int) -> [TokenLogProbability] {
    var best: [Int32] = []
    for id in logits.indices where !logits[id].isNaN {
      if best.count == count {
        guard let last = best.last, logits[id] > logits[Int(last)] else { continue }
        best.removeLast()
      }
      let place = best.firstIndex { logits[Int($0)] < logits[id] } ?? best.count
      best.insert(Int32(id), at: place)
    }
    return best.map { self[$0] }
  }
}
