internal import Glibc

/// A small reproducible source of random numbers for tests (SplitMix64).
///
/// Source: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", the constants of Java's
/// `SplittableRandom`.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64
  // Box–Muller makes two normals at a time; the second waits here.
  private var waitingNormal: Double?

  /// Starts the sequence that belongs to a seed.
  package init(seed: UInt64) {
    state = seed
  }

  /// The next 64 uniform bits.
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// The next uniform value, at least 0 and below 1, a multiple of 2⁻⁵³.
  package mutating func nextUniform() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// The next value of the standard normal distribution (Box–Muller).
  package mutating func nextNormal() -> Double {
    if let normal = waitingNormal {
      waitingNormal = nil
      return normal
    }
    // 1 - u lies in (0, 1], so the logarithm is finite.
    let radius = sqrt(-2 * log(1 - nextUniform()))
    let angle = 2 * Double.pi * nextUniform()
    waitingNormal = radius * sin(angle)
    return radius * cos(angle)
  }
}
