internal import Glibc
package import Tensors

/// The rule for the frequencies of rotary position embedding (docs/MATH.md, eq. 3).
package enum RotationFrequencies: String, CaseIterable, Sendable {
  /// θ_i = base^(-2i/K): RoFormer, flash-linear-attention.
  case standard
  /// θ_i = base^(-i/(K/2 - 1)), from 1 to 1/base inclusive: torchscale, yet-another-retnet.
  case linspace

  /// θ for the K/2 pairs, in Float64.
  package func values(keyWidth: Int, base: Double) -> [Double] {
    let pairs = keyWidth / 2
    return (0..<pairs).map { i in
      switch self {
      case .standard: pow(base, -2 * Double(i) / Double(keyWidth))
      case .linspace: pairs == 1 ? 1 : pow(base, -Double(i) / Double(pairs - 1))
      }
    }
  }
}

/// The numbers over which the pairs of a table of frequencies are counted.
package enum RotationSpan: String, CaseIterable, Sendable {
  /// The K numbers of a head: all heads have the same frequencies.
  case head
  /// The H·K numbers of all heads: each head has its own frequencies. The first version of syncdoth/RetNet.
  case width
}

/// How queries and keys depend on their position: an angle per token and, with xPos, a decay per token, of each pair.
package struct Rotation: Sendable, Equatable {
  package let layout: RotationLayout
  /// θ of each pair in radians per token: [K/2], or [H·K/2] if each head has its own.
  package let frequencies: [Double]
  /// ln ζ of each pair per token, < 0; nil without xPos (docs/MATH.md, eq. 4a).
  package let xposLogDecays: [Double]?

  /// - Parameters:
  ///   - layout: Which numbers form a pair.
  ///   - frequencies: θ of each pair.
  ///   - xposScaleBase: The tokens over which a pair decays by the factor (2i + 0.4 K) / (1.4 K); nil: no xPos. K counts
  ///     the numbers of all pairs.
  package init(layout: RotationLayout, frequencies: [Double], xposScaleBase: Double? = nil) {
    self.layout = layout
    self.frequencies = frequencies
    let width = 2 * Double(frequencies.count)
    xposLogDecays = xposScaleBase.map { base in
      frequencies.indices.map { log((2 * Double($0) + 0.4 * width) / (1.4 * width)) / base }
    }
  }

  /// The most tokens of a call, so that Float32 holds ζ^-tokens; nil: no limit.
  package var longestCall: Int? { xposLogDecays?.min().map { Int(80 / -$0) } }

  /// The pair that a row of a state belongs to.
  ///
  /// - Parameters:
  ///   - head: h.
  ///   - row: From 0 to K - 1.
  ///   - keyWidth: K.
  /// - Returns: The index of its frequency.
  func pair(head: Int, row: Int, keyWidth: Int) -> Int {
    guard layout == .interleaved else { return row % (keyWidth / 2) }
    return (head * keyWidth + row) / 2 % frequencies.count
  }
}
