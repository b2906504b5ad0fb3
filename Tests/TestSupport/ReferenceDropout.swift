/// The factors of dropout in one training step, bit by bit from their definition (docs/MATH.md, eq. 36 and 37).
package struct ReferenceDropout: Sendable {
  /// Where numbers are dropped.
  package enum Site: Sendable {
    case embedding
    case mixer(Int)
    case feedForward(Int)
  }

  /// The factors of what one block adds to the stream [B, T, D].
  package struct Block: Sendable {
    let mixer, feedForward: ReferenceTensor
  }

  private let rate: Double
  private let seed: UInt64
  private let step: UInt64
  private let shape: [Int]
  private let firstSequence: Int

  /// - Parameters:
  ///   - rate: The probability with which a number is dropped.
  ///   - seed: The seed of the run.
  ///   - step: The step, from 1.
  ///   - shape: [B, T, D].
  ///   - firstSequence: The number of the first sequence in the whole batch.
  package init(rate: Double, seed: UInt64, step: UInt64, shape: [Int], firstSequence: Int = 0) {
    (self.rate, self.seed, self.step, self.shape) = (rate, seed, step, shape)
    self.firstSequence = firstSequence
  }

  /// The factors of a block.
  package func block(_ layer: Int) -> Block {
    Block(mixer: factors(.mixer(layer)), feedForward: factors(.feedForward(layer)))
  }

  /// The product with the factors of a site.
  package func applied(_ site: Site, to x: ReferenceTensor) -> ReferenceTensor { Self.kept(x, factors(site)) }

  /// The product, element by element; `x` without factors.
  static func kept(_ x: ReferenceTensor, _ factors: ReferenceTensor?) -> ReferenceTensor {
    guard let factors else { return x }
    precondition(x.shape == factors.shape, "ReferenceDropout: \(factors.shape) for \(x.shape)")
    return ReferenceTensor(x.shape, zip(x.values, factors.values).map { $0 * $1 })
  }

  /// 0 where a number is dropped, 1 / (1 - rate) elsewhere [B, T, D].
  package func factors(_ site: Site) -> ReferenceTensor {
    let number: UInt64 =
      switch site {
      case .embedding: 0
      case .mixer(let layer): 1 + 2 * UInt64(layer)
      case .feedForward(let layer): 2 + 2 * UInt64(layer)
      }
    let key = Self.splitMix(Self.splitMix(Self.splitMix(seed) ^ step) ^ number)
    return Self.factors(
      rate: rate, key: key, rows: shape[0] * shape[1], width: shape[2], firstRow: firstSequence * shape[1]
    ).reshaped(shape)
  }

  /// The factors [R, D] under a key.
  package static func factors(rate: Double, key: UInt64, rows: Int, width: Int, firstRow: Int) -> ReferenceTensor {
    let limit = UInt32((rate * 16_777_216).rounded())
    // Of Float32, as the scale is a constant of the operation.
    let scale = Double(Float(16_777_216 / (16_777_216 - Double(limit))))
    var factors = ReferenceTensor([rows, width])
    for row in 0..<rows {
      let rowKey = splitMix(key &+ UInt64(firstRow + row) &* 0x9E37_79B9_7F4A_7C15)
      for column in 0..<width where bits(UInt32(column), rowKey) >= limit {
        factors.values[row * width + column] = scale
      }
    }
    return factors
  }

  /// 24 bits of a column.
  private static func bits(_ column: UInt32, _ rowKey: UInt64) -> UInt32 {
    var x = column &* 0x9E37_79B9 &+ UInt32(truncatingIfNeeded: rowKey)
    x ^= x >> 16
    x = x &* 0x7FEB_352D
    x ^= x >> 15
    x = x &+ UInt32(rowKey >> 32)
    x = x &* 0x846C_A68B
    x ^= x >> 16
    return x >> 8
  }

  /// The first number of SplitMix64 with a seed.
  private static func splitMix(_ seed: UInt64) -> UInt64 {
    var z = seed &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
