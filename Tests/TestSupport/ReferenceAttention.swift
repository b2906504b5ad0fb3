internal import Glibc

/// The kinds of layers.
package enum ReferenceLayerType: Sendable {
  case retention
  case attention
  case linearAttention

  /// What precedes the names of the mixer's parameters.
  var prefix: String {
    switch self {
    case .retention: "ret"
    case .attention: "attn"
    case .linearAttention: "lin"
    }
  }
}

/// The sizes of attention and of linear attention.
package struct ReferenceAttentionSizes: Sendable {
  /// H, G and K.
  package var headCount = 1
  package var keyHeadCount = 1
  package var headWidth = 2
  package var hasInputBiases = false
  package var hasOutputBias = false
  /// The steps that a step sees, itself among them; none: all before it.
  package var window: Int?
  package var rotationBase = 10_000.0
  /// ε of the divisor of linear attention.
  package var epsilon = 1e-6

  package init() {}

  /// The names and shapes of the parameters, each name without the prefix `layers.i.`.
  func parameterShapes(_ prefix: String, width: Int) -> [(name: String, shape: [Int])] {
    let projections = [
      ("q", headCount * headWidth), ("k", keyHeadCount * headWidth), ("v", keyHeadCount * headWidth),
    ]
    var shapes = projections.map { ("\(prefix).\($0.0).weight", [$0.1, width]) }
    if hasInputBiases { shapes += projections.map { ("\(prefix).\($0.0).bias", [$0.1]) } }
    shapes.append(("\(prefix).o.weight", [width, headCount * headWidth]))
    if hasOutputBias { shapes.append(("\(prefix).o.bias", [width])) }
    return shapes
  }
}

/// Attention of one block, from the norm of the stream to the heads' outputs, as the formulas have it: every pair of steps.
///
/// Softmax: o_n = Σ_m p_nm v_m, p_nm = e^s_nm / Σ_m e^s_nm, s_nm = q_n·k_m / √K. Linear: o_n = Σ_m w_nm v_m / (Σ_m w_nm
/// + ε), w_nm = φ(q_n)·φ(k_m), φ(x) = elu(x) + 1. The sums are over the steps that n sees (docs/MATH.md, eq. 42 and 44).
package struct ReferenceAttention: Sendable {
  private let sizes: ReferenceAttentionSizes
  private let isLinear: Bool
  private let prefix: String
  private let u: ReferenceTensor
  /// Rotated queries and keys, or features; values [B, T, heads, K].
  private let q, k, v: ReferenceTensor
  /// The projections before the feature map, of linear attention.
  private let rawQ, rawK: ReferenceTensor
  /// p or w of each step and earlier step [B, H, T, T], 0 where a step does not see another.
  private let weights: ReferenceTensor
  /// The divisor of each step [B, H, T]; 1 with softmax.
  private let sums: ReferenceTensor
  /// The heads' outputs [B, T, H·K].
  package let z: ReferenceTensor
  private let positions: [[Int]]

  init(
    _ u: ReferenceTensor, _ operations: ReferenceOperations, _ sizes: ReferenceAttentionSizes,
    _ type: ReferenceLayerType, positions: [[Int]], documentStarts: [[Int]]?
  ) {
    let (B, T) = (u.shape[0], u.shape[1])
    let (H, G, K) = (sizes.headCount, sizes.keyHeadCount, sizes.headWidth)
    isLinear = type == .linearAttention
    prefix = type.prefix
    rawQ = operations.linear(u, "\(prefix).q").reshaped([B, T, H, K])
    rawK = operations.linear(u, "\(prefix).k").reshaped([B, T, G, K])
    v = operations.linear(u, "\(prefix).v").reshaped([B, T, G, K])
    let angles = ReferenceAngles.standard.table(keyWidth: K, base: sizes.rotationBase)
    func turned(_ x: ReferenceTensor) -> ReferenceTensor {
      Reference.rotation(x, positions: positions, angles: angles, layout: .halfSplit)
    }
    (q, k) = isLinear ? (rawQ.map(Self.feature), rawK.map(Self.feature)) : (turned(rawQ), turned(rawK))
    let window = type == .linearAttention ? nil : sizes.window
    var weights = ReferenceTensor([B, H, T, T])
    var sums = ReferenceTensor([B, H, T], repeating: 1)
    var z = ReferenceTensor([B, T, H, K])
    for b in 0..<B {
      for h in 0..<H {
        let g = h / (H / G)
        for n in 0..<T {
          let first = max(documentStarts?[b][n] ?? 0, window.map { n + 1 - $0 } ?? 0, 0)
          var row = [Double](repeating: 0, count: T)
          for m in first...n { for i in 0..<K { row[m] += q[b, n, h, i] * k[b, m, g, i] } }
          if isLinear {
            sums[b, h, n] = row.reduce(0, +) + sizes.epsilon
          } else {
            let scores = row.map { $0 / Double(K).squareRoot() }
            let most = scores[first...n].reduce(-Double.infinity, max)
            row = [Double](repeating: 0, count: T)
            for m in first...n { row[m] = exp(scores[m] - most) }
            let total = row.reduce(0, +)
            row = row.map { $0 / total }
          }
          for m in first...n {
            weights[b, h, n, m] = row[m]
            for i in 0..<K { z[b, n, h, i] += row[m] * v[b, m, g, i] / sums[b, h, n] }
          }
        }
      }
    }
    (self.weights, self.sums, self.z) = (weights, sums, z.reshaped([B, T, H * K]))
    (self.u, self.sizes, self.positions) = (u, sizes, positions)
  }

  /// The gradient of the norm of the stream from that of the heads' outputs [B, T, H·K].
  func backward(
    _ dz: ReferenceTensor, _ operations: ReferenceOperations, _ gradients: inout [String: ReferenceTensor]
  ) -> ReferenceTensor {
    let (B, T, H, K) = q.shape4
    let G = k.shape[2]
    let dz = dz.reshaped([B, T, H, K])
    let o = z.reshaped([B, T, H, K])
    var (dq, dk, dv) = (ReferenceTensor(q.shape), ReferenceTensor(k.shape), ReferenceTensor(v.shape))
    for b in 0..<B {
      for h in 0..<H {
        let g = h / (H / G)
        for n in 0..<T {
          let dot = (0..<K).reduce(0.0) { $0 + dz[b, n, h, $1] * o[b, n, h, $1] }
          for m in 0...n where weights[b, h, n, m] != 0 {
            let value = (0..<K).reduce(0.0) { $0 + dz[b, n, h, $1] * v[b, m, g, $1] }
            // Softmax: ds = p (dp - Σ p dp), and Σ p dp = do·o. Linear: dw = (do·v - do·o) / divisor.
            let weight = weights[b, h, n, m]
            let dscore =
              isLinear ? (value - dot) / sums[b, h, n] : weight * (value - dot) / Double(K).squareRoot()
            for i in 0..<K {
              dq[b, n, h, i] += dscore * k[b, m, g, i]
              dk[b, m, g, i] += dscore * q[b, n, h, i]
              dv[b, m, g, i] += weight / sums[b, h, n] * dz[b, n, h, i]
            }
          }
        }
      }
    }
    if isLinear {
      dq = dq.product(rawQ.map(Self.slope))
      dk = dk.product(rawK.map(Self.slope))
    } else {
      let angles = ReferenceAngles.standard.table(keyWidth: K, base: sizes.rotationBase)
      dq = Reference.rotationBackward(dq, positions: positions, angles: angles, layout: .halfSplit)
      dk = Reference.rotationBackward(dk, positions: positions, angles: angles, layout: .halfSplit)
    }
    return operations.linearBackward(dq.reshaped([B, T, H * K]), u, "\(prefix).q", &gradients)
      + operations.linearBackward(dk.reshaped([B, T, G * K]), u, "\(prefix).k", &gradients)
      + operations.linearBackward(dv.reshaped([B, T, G * K]), u, "\(prefix).v", &gradients)
  }

  private static func feature(_ x: Double) -> Double { x > 0 ? x + 1 : exp(x) }
  private static func slope(_ x: Double) -> Double { x > 0 ? 1 : exp(x) }
}

extension ReferenceTensor {
  fileprivate func product(_ other: ReferenceTensor) -> ReferenceTensor {
    ReferenceTensor(shape, zip(values, other.values).map { $0 * $1 })
  }
}
