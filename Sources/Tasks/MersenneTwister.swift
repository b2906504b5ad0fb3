/// The random numbers of CPython's `random.Random`: MT19937 and the methods that lm-evaluation-harness uses.
///
/// Source: Matsumoto and Nishimura 1998; the methods are those of CPython's `random.py`.
package struct MersenneTwister: Sendable {
  private static let count = 624
  private static let distance = 397

  private var words: [UInt32]
  private var index = count

  /// The generator of `random.Random(seed)`.
  package init(seed: UInt64) {
    var key = [UInt32(truncatingIfNeeded: seed)]
    if seed >> 32 != 0 { key.append(UInt32(seed >> 32)) }
    words = [UInt32](repeating: 0, count: Self.count)
    words[0] = 19_650_218
    for place in 1..<Self.count {
      words[place] = 1_812_433_253 &* (words[place - 1] ^ words[place - 1] >> 30) &+ UInt32(place)
    }
    var (place, keyPlace) = (1, 0)
    for _ in 0..<max(Self.count, key.count) {
      words[place] =
        (words[place] ^ (words[place - 1] ^ words[place - 1] >> 30) &* 1_664_525) &+ key[keyPlace] &+ UInt32(keyPlace)
      step(&place)
      keyPlace = (keyPlace + 1) % key.count
    }
    for _ in 1..<Self.count {
      words[place] =
        (words[place] ^ (words[place - 1] ^ words[place - 1] >> 30) &* 1_566_083_941) &- UInt32(place)
      step(&place)
    }
    words[0] = 1 << 31
  }

  private mutating func step(_ place: inout Int) {
    place += 1
    if place == Self.count {
      words[0] = words[Self.count - 1]
      place = 1
    }
  }

  /// The next 32 bits.
  package mutating func next() -> UInt32 {
    if index == Self.count { refill() }
    var word = words[index]
    index += 1
    word ^= word >> 11
    word ^= word << 7 & 0x9D2C_5680
    word ^= word << 15 & 0xEFC6_0000
    return word ^ word >> 18
  }

  private mutating func refill() {
    for place in 0..<Self.count {
      let mixed = words[place] & 0x8000_0000 | words[(place + 1) % Self.count] & 0x7FFF_FFFF
      words[place] =
        words[(place + Self.distance) % Self.count] ^ mixed >> 1 ^ (mixed & 1 == 0 ? 0 : 0x9908_B0DF)
    }
    index = 0
  }

  /// `random()`: a number from 0 to below 1 with 53 bits.
  package mutating func unit() -> Double {
    let (high, low) = (next() >> 5, next() >> 6)
    return (Double(high) * 67_108_864 + Double(low)) / 9_007_199_254_740_992
  }

  /// `_randbelow(limit)`: a whole number from 0 to below a limit.
  ///
  /// - Parameter limit: 1 to 2^32 - 1.
  /// - Returns: The number.
  package mutating func below(_ limit: Int) -> Int {
    precondition(1...Int(UInt32.max) ~= limit, "MersenneTwister: a number below \(limit)")
    let bits = Int.bitWidth - limit.leadingZeroBitCount
    while true {
      let number = Int(next() >> (32 - bits))
      if number < limit { return number }
    }
  }

  /// `sample(range(count), size)`: different indices in the order in which they were drawn.
  ///
  /// - Parameters:
  ///   - size: How many, at most `count`.
  ///   - count: The number of indices to choose from.
  /// - Returns: Indices from 0.
  package mutating func sample(_ size: Int, of count: Int) -> [Int] {
    precondition(0...count ~= size, "MersenneTwister: \(size) of \(count)")
    // CPython keeps a list of what is left, or a set of what was drawn if that is smaller.
    var setSize = 21
    if size > 5 {
      var power = 1
      while power < size * 3 { power *= 4 }
      setSize += power
    }
    guard count > setSize else {
      var left = Array(0..<count)
      return (0..<size).map { drawn in
        let place = below(count - drawn)
        defer { left[place] = left[count - drawn - 1] }
        return left[place]
      }
    }
    var drawn: Set<Int> = []
    return (0..<size).map { _ in
      while true {
        let index = below(count)
        if drawn.insert(index).inserted { return index }
      }
    }
  }
}
