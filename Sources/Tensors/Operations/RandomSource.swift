internal import Glibc

/// A seeded stream of random numbers: SplitMix64 (Steele, Lea & Flood 2014). Its whole state is one number.
package struct RandomSource: RandomNumberGenerator, Sendable, Equatable {
  package var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A uniform number in [0, 1) with 53 random bits.
  package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A standard normal number by the Box–Muller transform. It takes two uniform numbers and keeps none for later.
  package mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }
}

extension Tensor {
  /// Fills the tensor with normal numbers of mean 0.
  package func fillNormal(deviation: Double, from source: inout RandomSource) {
    for index in 0..<count { unsafe pointer[index] = Float(deviation * source.normal()) }
  }

  /// Fills the tensor with uniform numbers in -bound ..< bound.
  package func fillUniform(bound: Double, from source: inout RandomSource) {
    for index in 0..<count { unsafe pointer[index] = Float(bound * (2 * source.uniform() - 1)) }
  }

  /// Sets every number to `value`.
  package func fill(_ value: Float) {
    unsafe pointer.update(repeating: value, count: count)
  }
}
