internal import COpenBLAS

/// How fast this machine multiplies: the yardstick of a benchmark, to be asked between its steps, since clocks drift.
///
/// [4096, 1024] × [1024, 512] about 30 MB, once by `multiply` and once by OpenBLAS in a single call with as many
/// threads of its own; with bfloat16 operands by `multiply` alone, since Debian's OpenBLAS has no such product.
package final class ProductProbe {
  private let a = Tensor(Shape(4096, 1024))
  private let b = Tensor(Shape(1024, 512))
  private let c = Tensor(Shape(4096, 512))

  package init() {
    var source = RandomSource(seed: 0)
    a.fillUniform(bound: 1, from: &source)
    b.fillUniform(bound: 1, from: &source)
  }

  /// GFLOP/s of each.
  package struct Speeds: Sendable {
    package let ours: Double
    /// nil where the library has no product of that precision.
    package let library: Double?

    package var faster: Double { max(ours, library ?? 0) }
  }

  /// Measures both, best of three.
  ///
  /// OpenBLAS's threads spin for about 30 ms after a product: whoever measures next has to wait that long.
  package func measure(_ precision: ProductPrecision, on pool: WorkerPool) -> Speeds {
    let ours = best { multiply(Matrix(c), Matrix(a), Matrix(b), transposed: .none, precision: precision, on: pool) }
    guard precision == .float32 else { return Speeds(ours: ours, library: nil) }
    let library = BLAS.withOwnThreads(pool.threadCount) {
      best { multiplyHere(Matrix(c), Matrix(a), Matrix(b), transposed: .none, accumulate: false) }
    }
    return Speeds(ours: ours, library: library)
  }

  /// The best of three calls after one to warm up.
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
  /// Lets OpenBLAS compute on threads of its own while the body runs.
  fileprivate static func withOwnThreads<Result>(_ count: Int, _ body: () -> Result) -> Result {
    useCallingThreadOnly()
    openblas_set_num_threads(CInt(count))
    defer { openblas_set_num_threads(1) }
    return body()
  }
}
