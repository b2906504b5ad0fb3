internal import CKernels

/// How fast this machine reads memory: the yardstick of decoding, to be asked between its tokens.
///
/// As many bytes as a token reads are read in order by all threads, so that a model that fits a cache is compared with
/// that cache.
package final class BandwidthProbe {
  private let numbers: Tensor
  private let sums: Tensor

  /// A task's numbers: 128 KiB, as the largest of a product's.
  private static let grain = 32_768
  /// Beyond a GiB nothing changes.
  private static let byteLimit = 1 << 30

  /// - Parameter byteCount: What one pass reads.
  package init(byteCount: Int) {
    numbers = Tensor(Shape(min(max(byteCount, 1 << 16), Self.byteLimit) / 4))
    // Pages that were never written are all one page.
    numbers.fill(1)
    sums = Tensor(Shape((numbers.count + Self.grain - 1) / Self.grain))
  }

  /// GB/s: the best pass of some 30 milliseconds, and of three at least, after one to warm up.
  package func measure(on pool: WorkerPool) -> Double {
    read(on: pool)
    let start = ContinuousClock.now
    var (fastest, passes) = (Duration.seconds(3600), 0)
    while passes < 3 || ContinuousClock.now - start < .milliseconds(30) {
      fastest = min(fastest, ContinuousClock().measure { read(on: pool) })
      passes += 1
    }
    let time = fastest.components
    return Double(4 * numbers.count) * 1e-9 / (Double(time.seconds) + Double(time.attoseconds) * 1e-18)
  }

  private func read(on pool: WorkerPool) {
    pool.runRanges(of: numbers.count, grain: Self.grain, with: (numbers, sums)) { context, range in
      let (numbers, sums) = context
      sums[range.lowerBound / BandwidthProbe.grain] =
        unsafe rn_read(numbers.pointer + range.lowerBound, Int64(range.count))
    }
  }
}
