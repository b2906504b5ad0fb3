internal import CKernels

/// Measures how fast this machine reads memory.
///
/// Decoding is bound by reading weights, so this is its reference speed; a benchmark measures it between tokens. All
/// threads read as many bytes as a token reads, in order: a model that fits a cache is compared with that cache.
package final class BandwidthProbe {
  private let numbers: Tensor
  private let sums: Tensor

  /// Numbers that one task reads: 128 KiB, like the largest task of a product.
  private static let grain = 32_768
  /// The most bytes of a pass: beyond a GiB nothing changes.
  private static let byteLimit = 1 << 30

  /// - Parameter byteCount: Bytes that one pass reads, held between 64 KiB and 1 GiB.
  package init(byteCount: Int) {
    numbers = Tensor(Shape(min(max(byteCount, 1 << 16), Self.byteLimit) / 4))
    // The pages must be written: all untouched pages are mapped to one page of zeros.
    numbers.fill(1)
    sums = Tensor(Shape((numbers.count + Self.grain - 1) / Self.grain))
  }

  /// The bandwidth in GB/s.
  ///
  /// It is that of the fastest pass. After one pass to warm up, passes run for about 30 ms, at least three.
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
