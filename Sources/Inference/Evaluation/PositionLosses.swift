/// Losses by the position of the token in its document, in bins that double: 1, 2, 3–4, 5–8, …
package struct PositionLosses: Equatable, Sendable {
  /// The bins, from position 1 on; some may be empty.
  package private(set) var bins: [LossMean] = []
  /// The last position with a loss; 0: none.
  package private(set) var longest = 0

  package init() {}

  /// The number of losses.
  package var count: Int { bins.reduce(0) { $0 + $1.count } }

  /// Adds the loss of a token.
  ///
  /// - Parameters:
  ///   - position: Its position in the document, from 1.
  ///   - loss: Nats.
  package mutating func add(position: Int, _ loss: Double) {
    let index = Self.bin(of: position)
    while bins.count <= index { bins.append(LossMean()) }
    bins[index].add(loss)
    longest = max(longest, position)
  }

  /// The positions of a bin.
  package static func positions(_ bin: Int) -> ClosedRange<Int> {
    bin == 0 ? 1...1 : (1 << (bin - 1)) + 1...1 << bin
  }

  private static func bin(of position: Int) -> Int {
    precondition(position >= 1, "PositionLosses: position \(position)")
    return Int.bitWidth - (position - 1).leadingZeroBitCount
  }
}
