/// The mean of a number of losses and its standard error, added one by one.
package struct LossMean: Equatable, Sendable {
  package private(set) var count = 0
  private var sum = 0.0
  private var squares = 0.0

  package init() {}

  /// The mean of some losses.
  package init(_ losses: some Sequence<Double>) {
    for loss in losses { add(loss) }
  }

  package mutating func add(_ loss: Double) {
    count += 1
    sum += loss
    squares += loss * loss
  }

  /// Nats per token; nil: there is none.
  package var mean: Double? { count > 0 ? sum / Double(count) : nil }

  /// The standard error of the mean, under the assumption that tokens are independent; nil for fewer than two.
  package var standardError: Double? {
    guard count > 1, let mean else { return nil }
    let variance = max(0, squares / Double(count) - mean * mean) * Double(count) / Double(count - 1)
    return (variance / Double(count)).squareRoot()
  }
}
