internal import COpenBLAS

/// Measures how fast this machine multiplies matrices.
///
/// It is the reference speed of a benchmark, measured between its steps because clock rates drift. The product is
/// [4096, 1024] × [1024, 512], about 30 MB. It is computed by `multiply`, and by one call of OpenBLAS with as many
/// threads of its own. Debian's OpenBLAS has no bfloat16 product, so that precision is measured with `multiply` alone.
package final class ProductProbe {
  private let a = Tensor(Shape(4096, 1024))
  private let b = Tensor(Shape(1024, 512))
  private let c = Tensor(Shape(4096, 512))

  package init() {
    var source = RandomSource(seed: 0)
    a.fillUniform(bound: 1, from: &source)
    b.fillUniform(bound: 1, from: &source)
  }

  /// Speeds of the two products in GFLOP/s.
  package struct Speeds: Sendable {
    package let ours: Double
    /// nil if OpenBLAS has no product of that precision.
    package let library: Double?

    package var faster: Double { max(ours, library ?? 0) }
  }

  /// Measures both products.
  ///
  /// OpenBLAS's threads spin for about 30 ms after a product. Wait that long before the next measurement.
  package func measure(_ precision: ProductPrecision, on pool: WorkerPool) -> Speeds {
    let ours = best { multiply(Matrix(c), Matrix(a), Matrix(b), transposed: .none, precision: precision, on: pool) }
    guard precision == .float32 else { return Speeds(ours: ours, library: nil) }
    let library = BLAS.withOwnThreads(pool.threadCount) {
      best { multiplyHere(Matrix(c), Matrix(a), Matrix(b), transposed: .none, accumulate: false) }
    }
    return Speeds(ours: ours, library: library)
  }

  /// GFLOP/s of the fastest of three calls, after one call to warm up.
  private func best(_ product: () -> Void) -> Double {
    product()
    let operations = 2.0 * Double(c.count) * Double(b.shape[0])
    var fastest = 0.0
    for _ in 0..<3 {
      let time = ContinuousClock().measure(product).components
      fastest = max(fastest, operations * 1e-9 / (Double(time.seconds) + Double(time.attoseconds) * 1e-18))
    }
    return fastest
  }
}

extension BLAS {
  /// Lets OpenBLAS use threads of its own while the body runs.
  fileprivate static func withOwnThreads<Result>(_ count: Int, _ body: () -> Result) -> Result {
    useCallingThreadOnly()
    openblas_set_num_threads(CInt(count))
    defer { openblas_set_num_threads(1) }
    return body()
  }
}
