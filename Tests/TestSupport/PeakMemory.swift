internal import CAllocationCount

/// Measures how much memory a body has in use at once.
///
/// - Parameter body: What is measured: allocations and mappings of the calling thread.
/// - Returns: What the body returns, and the most bytes at once; 0 bytes under a sanitizer, which replaces malloc.
package func withPeakMemory<Result>(_ body: () throws -> Result) rethrows -> (Result, byteCount: Int) {
  allocation_peak_begin()
  var peak = 0
  let result = try { () throws -> Result in
    defer { peak = allocation_peak_end() }
    return try body()
  }()
  return (result, peak)
}
