package import Tensors

/// The processes that train one model together; each computes its own rows of every batch.
///
/// In a step each process accumulates the gradient of its rows. Then gradients, losses and counts are summed over all
/// processes, and all make the same update. Requests to stop are summed too, so that all stop at the same place. The
/// first process writes the files.
package struct Replicas: Sendable {
  /// The index of this process, from 0.
  package let index: Int
  package let count: Int
  private let sumTensor: @Sendable (Tensor) -> Void
  private let sumNumbers: @Sendable ([Double]) -> [Double]

  /// One process, with all rows.
  package static let alone = Replicas(index: 0, count: 1, sumTensor: { _ in }, sumNumbers: { $0 })

  /// - Parameters:
  ///   - index: The index of this process, from 0.
  ///   - count: The number of processes.
  ///   - sumTensor: Replaces a tensor by its sum over all processes, bit-identical in each; waits for all of them.
  ///   - sumNumbers: Returns the sums of a few numbers, in the same way.
  package init(
    index: Int, count: Int, sumTensor: @escaping @Sendable (Tensor) -> Void,
    sumNumbers: @escaping @Sendable ([Double]) -> [Double]
  ) {
    precondition(0..<count ~= index, "Replicas: \(index) of \(count)")
    (self.index, self.count, self.sumTensor, self.sumNumbers) = (index, count, sumTensor, sumNumbers)
  }

  /// Whether this process writes files and reports.
  package var isFirst: Bool { index == 0 }

  /// The rows of a batch that this process computes.
  ///
  /// - Precondition: `batchSize` is a multiple of `count`.
  package func rows(of batchSize: Int) -> Range<Int> {
    precondition(batchSize % count == 0, "Replicas: \(batchSize) rows for \(count)")
    let own = batchSize / count
    return index * own..<(index + 1) * own
  }

  func sum(_ tensor: Tensor) { sumTensor(tensor) }

  /// The sum of a number over all processes. A single process allocates nothing.
  func sum(_ number: Double) -> Double { count == 1 ? number : sumNumbers([number])[0] }

  /// Whether the value is true in any process.
  func any(_ wish: Bool) -> Bool { sum(wish ? 1 : 0) > 0 }
}
