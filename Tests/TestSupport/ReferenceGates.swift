internal import Glibc

extension Reference {
  /// The activation of a feed-forward layer, and of the gate of retention.
  package enum Activation: Sendable, CaseIterable {
    /// x σ(x), also called swish.
    case silu
    /// x Φ(x) with the exact normal distribution function.
    case gelu
    /// max(x, 0), with slope 0 at 0.
    case relu
    /// max(x, 0)².
    case reluSquared
  }

  /// An activation, element by element (docs/MATH.md, eq. 15, 27 and 41).
  package static func activation(_ x: ReferenceTensor, _ kind: Activation) -> ReferenceTensor {
    switch kind {
    case .silu: x.map { $0 * sigmoid($0) }
    case .gelu: x.map { $0 * normalDistribution($0) }
    case .relu: x.map { max($0, 0) }
    case .reluSquared: x.map { max($0, 0) * max($0, 0) }
    }
  }

  /// Backward of `activation`: silu′ = σ (1 + x (1 − σ)), gelu′ = Φ + x φ, relu′ = 1 where x > 0,
  /// relu²′ = 2 max(x, 0).
  package static func activationBackward(
    _ dy: ReferenceTensor, x: ReferenceTensor, _ kind: Activation
  ) -> ReferenceTensor {
    let slope =
      switch kind {
      case .silu: x.map { sigmoid($0) * (1 + $0 * (1 - sigmoid($0))) }
      case .gelu: x.map { normalDistribution($0) + $0 * exp(-$0 * $0 / 2) / (2 * Double.pi).squareRoot() }
      case .relu: x.map { $0 > 0 ? 1 : 0 }
      case .reluSquared: x.map { 2 * max($0, 0) }
      }
    return product(dy, slope)
  }

  /// A gated product, z = f(g) ⊙ y: the gate of retention, and as h = f(a) ⊙ b the gated feed-forward layer.
  ///
  /// With f = silu the latter is SwiGLU (docs/MATH.md, eq. 17).
  ///
  /// - Parameters:
  ///   - g: The activated factor, any shape.
  ///   - y: The plain factor, the same shape.
  ///   - kind: The activation f.
  /// - Returns: The same shape.
  package static func gate(_ g: ReferenceTensor, _ y: ReferenceTensor, _ kind: Activation = .silu) -> ReferenceTensor {
    product(activation(g, kind), y)
  }

  /// Backward of `gate`: dg = dz ⊙ y ⊙ f′(g), dy = dz ⊙ f(g).
  ///
  /// - Parameters:
  ///   - dz: The shape of `g`.
  ///   - g: As in the forward.
  ///   - y: As in the forward.
  ///   - kind: As in the forward.
  /// - Returns: Gradients of both factors.
  package static func gateBackward(
    _ dz: ReferenceTensor, g: ReferenceTensor, y: ReferenceTensor, _ kind: Activation = .silu
  ) -> (dg: ReferenceTensor, dy: ReferenceTensor) {
    (activationBackward(product(dz, y), x: g, kind), product(dz, activation(g, kind)))
  }

  /// The product, element by element.
  private static func product(_ a: ReferenceTensor, _ b: ReferenceTensor) -> ReferenceTensor {
    precondition(a.shape == b.shape, "product: shapes \(a.shape) and \(b.shape) differ")
    return ReferenceTensor(a.shape, zip(a.values, b.values).map { $0 * $1 })
  }

  private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  private static func normalDistribution(_ x: Double) -> Double { erfc(-x * 0.5.squareRoot()) / 2 }
}
