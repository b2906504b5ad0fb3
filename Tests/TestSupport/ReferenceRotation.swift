internal import Glibc

/// How a head's features are paired for the rotation.
package enum ReferenceRotationLayout: Sendable, CaseIterable {
  /// Pairs (x₂ᵢ, x₂ᵢ₊₁).
  case interleaved
  /// Pairs (xᵢ, xᵢ₊ₚ) with p = K/2.
  case halfSplit
}

/// How the angles per step are spread over the p = K/2 pairs of a head.
package enum ReferenceAngles: Sendable, CaseIterable {
  /// θᵢ = base^(−2i/K).
  case standard
  /// θᵢ = base^(−i/(p−1)), from 1 to 1/base inclusive; 1 when p = 1.
  case linspace

  /// The angle per step of each pair [K/2].
  package func table(keyWidth: Int, base: Double) -> [Double] {
    precondition(keyWidth > 0 && keyWidth % 2 == 0, "angle table: odd key width \(keyWidth)")
    let pairs = keyWidth / 2
    switch self {
    case .standard: return (0..<pairs).map { pow(base, -2 * Double($0) / Double(keyWidth)) }
    case .linspace: return (0..<pairs).map { pairs == 1 ? 1 : pow(base, -Double($0) / Double(pairs - 1)) }
    }
  }
}

extension Reference {
  /// Turns each pair of features by position · θ: (a, b) → (a cos − b sin, b cos + a sin).
  ///
  /// The same sign for queries and keys, so that a score depends on the distance only (docs/MATH.md, eq. 4).
  ///
  /// - Parameters:
  ///   - x: Queries or keys [B, T, H, K], K even.
  ///   - positions: The position of each step [B][T].
  ///   - angles: θ per pair [K/2].
  ///   - layout: Which features form a pair.
  /// - Returns: [B, T, H, K].
  package static func rotation(
    _ x: ReferenceTensor, positions: [[Int]], angles: [Double], layout: ReferenceRotationLayout
  ) -> ReferenceTensor {
    turned(x, positions, angles, layout, direction: 1)
  }

  /// Backward of `rotation`: the gradient turned by −position · θ.
  ///
  /// - Parameters:
  ///   - dy: [B, T, H, K].
  ///   - positions: As in the forward.
  ///   - angles: As in the forward.
  ///   - layout: As in the forward.
  /// - Returns: The gradient of `x` [B, T, H, K].
  package static func rotationBackward(
    _ dy: ReferenceTensor, positions: [[Int]], angles: [Double], layout: ReferenceRotationLayout
  ) -> ReferenceTensor {
    turned(dy, positions, angles, layout, direction: -1)
  }

  /// Positions counted from one start in every sequence.
  ///
  /// - Returns: [B][T].
  package static func positions(batch: Int, time: Int, from start: Int = 0) -> [[Int]] {
    [[Int]](repeating: Array(start..<start + time), count: batch)
  }

  private static func turned(
    _ x: ReferenceTensor, _ positions: [[Int]], _ angles: [Double], _ layout: ReferenceRotationLayout,
    direction: Double
  ) -> ReferenceTensor {
    let (B, T, H, K) = x.shape4
    precondition(K == 2 * angles.count, "rotation: x \(x.shape), \(angles.count) angles")
    precondition(
      positions.count == B && positions.allSatisfy { $0.count == T }, "rotation: x \(x.shape), other positions")
    var y = x
    for b in 0..<B {
      for t in 0..<T {
        for i in 0..<K / 2 {
          let angle = direction * Double(positions[b][t]) * angles[i]
          let (c, s) = (cos(angle), sin(angle))
          let (first, second) = layout == .interleaved ? (2 * i, 2 * i + 1) : (i, i + K / 2)
          for h in 0..<H {
            y[b, t, h, first] = x[b, t, h, first] * c - x[b, t, h, second] * s
            y[b, t, h, second] = x[b, t, h, second] * c + x[b, t, h, first] * s
          }
        }
      }
    }
    return y
  }
}

extension ReferenceTensor {
  /// The extents of a tensor with exactly four axes.
  package var shape4: (Int, Int, Int, Int) {
    precondition(shape.count == 4, "expected four axes, found \(shape)")
    return (shape[0], shape[1], shape[2], shape[3])
  }
}
