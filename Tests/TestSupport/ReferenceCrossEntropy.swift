internal import Glibc

extension Reference {
  /// Softly capped logits, c tanh(l / c) (docs/MATH.md, eq. 40).
  package static func softcap(_ logits: ReferenceTensor, _ cap: Double) -> ReferenceTensor {
    logits.map { cap * tanh($0 / cap) }
  }

  /// Backward of `softcap`: the slope is 1 − (l / c)² with l the capped logit.
  package static func softcapBackward(
    _ dcapped: ReferenceTensor, capped: ReferenceTensor, _ cap: Double
  ) -> ReferenceTensor {
    ReferenceTensor(
      capped.shape, zip(dcapped.values, capped.values).map { $0 * (1 - ($1 / cap) * ($1 / cap)) })
  }

  /// Softmax cross entropy summed over the rows that have a target, with its gradient.
  ///
  /// The loss of a row is log Σ exp(logits) − logits[target]; its gradient is softmax(logits) − one-hot(target).
  /// A row whose target is −1 is ignored and gets a zero gradient (docs/MATH.md, eq. 20).
  ///
  /// - Parameters:
  ///   - logits: [..., N].
  ///   - targets: One id per row in row order, or −1.
  /// - Returns: The sum in nats, the number of rows in it, and the gradient of the sum.
  package static func crossEntropy(
    _ logits: ReferenceTensor, targets: [Int]
  ) -> (lossSum: Double, count: Int, dlogits: ReferenceTensor) {
    let width = logits.width
    precondition(logits.rowCount == targets.count, "crossEntropy: logits \(logits.shape), \(targets.count) targets")
    precondition(targets.allSatisfy { -1 <= $0 && $0 < width }, "crossEntropy: a target is not below \(width)")
    var lossSum = 0.0
    var dlogits = ReferenceTensor(logits.shape)
    for (row, target) in targets.enumerated() where target >= 0 {
      let values = logits.values[row * width..<(row + 1) * width]
      let largest = values.reduce(-Double.infinity, max)
      let exponentials = values.map { exp($0 - largest) }
      let sum = exponentials.reduce(0, +)
      lossSum += log(sum) + largest - logits.values[row * width + target]
      for column in 0..<width {
        dlogits.values[row * width + column] = exponentials[column] / sum - (column == target ? 1 : 0)
      }
    }
    return (lossSum, targets.count { $0 >= 0 }, dlogits)
  }
}
