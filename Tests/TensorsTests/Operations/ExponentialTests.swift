import CKernels
import Glibc
import Testing

/// e^x of the kernels, against the Float64 function of the C library.
@Suite struct ExponentialTests {
  @Test func isWithinTwoULPWhereTheResultIsNormal() {
    // Every sign and exponent: each 499th bit pattern of all 2^32, and each one around the limits.
    var patterns = stride(from: UInt32(0), through: UInt32.max - 499, by: 499).map { $0 }
    for limit in [Float(-87.33654), 88.72283, 0, 1, -1, 0.6931472, 0.34657359] {
      patterns += (0..<20_000).map { limit.bitPattern &+ $0 &- 10_000 }
    }
    let inputs = patterns.map(Float.init(bitPattern:)).filter { abs($0) < 100 }
    let outputs = exponential(inputs)
    var (worst, worstInput, checked) = (0.0, Float(0), 0)
    for (x, y) in zip(inputs, outputs) where x >= -87.33654 && x <= 88.72283 {
      let expected = exp(Double(x))
      let error = abs(Double(y) - expected) / Double(Float(expected).ulp)
      checked += 1
      if !(error <= worst) { (worst, worstInput) = (error, x) }
    }
    #expect(checked > 4_000_000)
    #expect(worst <= 2, "worst at \(worstInput)")
  }

  @Test func limits() {
    #expect(exponential([0, -0.0]) == [1, 1])
    #expect(
      exponential([88.72284, 89, 1000, .greatestFiniteMagnitude, .infinity]) == [Float](repeating: .infinity, count: 5))
    #expect(exponential([-87.34, -88, -104, -1000, -.greatestFiniteMagnitude, -.infinity]) == [0, 0, 0, 0, 0, 0])
    #expect(exponential([.leastNonzeroMagnitude, -.leastNonzeroMagnitude]) == [1, 1])
    #expect(exponential([88.72283])[0].isFinite)
    #expect(exponential([-87.336])[0] > 0)
  }

  @Test func notANumberStaysSo() {
    #expect(exponential([.nan, -.nan, .signalingNaN, 1, .nan]).map(\.isNaN) == [true, true, true, false, true])
  }

  private func exponential(_ inputs: [Float]) -> [Float] {
    var outputs = [Float](repeating: .nan, count: inputs.count)
    unsafe outputs.withUnsafeMutableBufferPointer { outputs in
      unsafe inputs.withUnsafeBufferPointer { inputs in
        unsafe rn_exponential(outputs.baseAddress, inputs.baseAddress, Int64(inputs.count))
      }
    }
    return outputs
  }
}
