internal import Glibc

/// The rule for the decay γ of each head (docs/MATH.md, eq. 2).
package enum DecayRule: String, CaseIterable, Sendable {
  /// γ_h = 1 - 2^(-5-h): the paper's eq. 8, flash-linear-attention, torchscale.
  case powers
  /// γ_h = 1 - exp(linspace(ln 1/32, ln 1/512, H)): the paper's language models.
  case linspace
  /// γ = 127/128 for all heads: the ablation "no multi-scale decay".
  case single
  /// γ = 1: the ablation "no decay".
  case none
}

/// The decay of each head, stored as ln γ in Float64: in Float32, 1 - 2^(-5-h) is 1 from h = 20 on.
package struct Decay: Sendable, Equatable {
  /// ln γ of each head [H], per token, ≤ 0.
  package let logarithms: [Double]

  package init(logarithms: [Double]) {
    precondition(logarithms.allSatisfy { $0 <= 0 }, "Decay: a head grows")
    self.logarithms = logarithms
  }

  package init(_ rule: DecayRule, heads: Int) {
    switch rule {
    case .powers: logarithms = (0..<heads).map { log1p(-exp2(Double(-5 - $0))) }
    case .linspace:
      let (first, last) = (log(1.0 / 32), log(1.0 / 512))
      logarithms = (0..<heads).map { head in
        log1p(-exp(heads == 1 ? first : first + (last - first) * Double(head) / Double(heads - 1)))
      }
    case .single: logarithms = Array(repeating: log1p(-1.0 / 128), count: heads)
    case .none: logarithms = Array(repeating: 0, count: heads)
    }
  }

  package var heads: Int { logarithms.count }

  /// γ^steps of a head. γ^0 is 1 even for γ = 0, whose logarithm is -∞.
  package func power(head: Int, _ steps: Int) -> Double { steps == 0 ? 1 : exp(Double(steps) * logarithms[head]) }

  /// The half-life of each head in tokens; infinite without decay.
  package var halfLives: [Double] { logarithms.map { $0 == 0 ? .infinity : -log(2) / $0 } }

  /// The half-life of the slowest head in tokens.
  package var longestHalfLife: Double { halfLives.max() ?? 0 }
}
