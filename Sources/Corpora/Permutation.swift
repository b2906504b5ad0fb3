/// A pseudo-random permutation of 0..<count that is computed, not stored.
///
/// A Feistel network permutes a power of four that is less than four times too large. Numbers that fall outside are
/// sent through again ("cycle walking"), which keeps it a permutation.
/// Source: Luby and Rackoff 1988; Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains".
package struct Permutation: Sendable {
  /// How many numbers are permuted.
  package let count: Int
  private let key: UInt64
  private let halfBitCount: UInt64

  private static let roundCount: UInt64 = 6

  /// - Parameters:
  ///   - count: At least 1.
  ///   - key: Chooses the permutation.
  package init(count: Int, key: UInt64) {
    precondition(count >= 1, "permutation of \(count) numbers")
    self.count = count
    self.key = key
    let bitCount = Int.bitWidth - (count - 1).leadingZeroBitCount
    halfBitCount = UInt64(max(1, (bitCount + 1) / 2))
  }

  /// The image of an index.
  ///
  /// - Precondition: The index is in 0..<count.
  package subscript(_ index: Int) -> Int {
    precondition(0..<count ~= index, "permutation: \(index) outside 0..<\(count)")
    var number = UInt64(index)
    repeat { number = permuted(number) } while number >= UInt64(count)
    return Int(number)
  }

  private func permuted(_ number: UInt64) -> UInt64 {
    let mask = (1 << halfBitCount) - 1 as UInt64
    var (high, low) = (number >> halfBitCount, number & mask)
    for round in 0..<Self.roundCount {
      (high, low) = (low, high ^ (splitMix64(splitMix64(key &+ round) ^ low) & mask))
    }
    return high << halfBitCount | low
  }
}

/// A bijection of 64-bit numbers whose output shows no pattern.
///
/// Source: SplitMix64 (Steele, Lea, Flood 2014), with its increment.
func splitMix64(_ number: UInt64) -> UInt64 {
  var z = number &+ 0x9E37_79B9_7F4A_7C15
  z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
  return z ^ z >> 31
}
