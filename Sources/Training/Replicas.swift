package import Tensors

/// The processes that train one model together, each with rows of every batch of its own.
///
/// In a step each adds up the gradient of its rows. Then gradients, losses and counts are summed over all, and all make
/// the same update. Wishes to stop are summed too, so that all stop at the same place. The first one writes files.
package struct Replicas: Sendable {
  /// Which one this is, from 0.
  package let index: Int
  package let count: Int
  private let sumTensor: @Sendable (Tensor) -> Void
  private let sumNumbers: @Sendable ([Double]) -> [Double]

  /// One process, with all rows.
  package static let alone = Replicas(index: 0, count: 1, sumTensor: { _ in }, sumNumbers: { $0 })

  /// - Parameters:
  ///   - index: Which one this is.
  ///   - count: How many there are.
  ///   - sumTensor: Replaces a tensor by the sum of those of all replicas, bit-identical in each; waits for all.
  ///   - sumNumbers: The same of a few numbers.
  package init(
    index: Int, count: Int, sumTensor: @escaping @Sendable (Tensor) -> Void,
    sumNumbers: @escaping @Sendable ([Double]) -> [Double]
  ) {
    precondition(0..<count ~= index, "Replicas: \(index) of \(count)")
    (self.index, self.count, self.sumTensor, self.sumNumbers) = (index, count, sumTensor, sumNumbers)
  }

  /// Whether this one writes files and reports.
  package var isFirst: Bool { index == 0 }

  /// The rows of a batch that are this one's.
  ///
  /// - Precondition: All have equally many.
  package func rows(of batchSize: Int) -> Range<Int> {
    precondition(batchSize % count == 0, "Replicas: \(batchSize) rows for \(count)")
    let own = batchSize / count
    return index * own..<(index + 1) * own
  }

  func sum(_ tensor: Tensor) { sumTensor(tensor) }

  /// A step of one process allocates nothing.
  func sum(_ number: Double) -> Double { count == 1 ? number : sumNumbers([number])[0] }

  /// Whether any of them wishes something.
  func any(_ wish: Bool) -> Bool { sum(wish ? 1 : 0) > 0 }
}
