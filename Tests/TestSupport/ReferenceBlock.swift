/// The sizes and constants of the reference model.
package struct ReferenceConfiguration: Sendable {
  /// N, the number of tokens in the vocabulary.
  package var vocabularySize: Int
  /// D, the width of the residual stream.
  package var width: Int
  /// The number of blocks.
  package var layerCount: Int
  /// H, the number of heads.
  package var headCount: Int
  /// K, the width of queries and keys per head.
  package var keyWidth: Int
  /// V, the width of values per head.
  package var valueWidth: Int
  /// F, the inner width of the feed-forward layer.
  package var feedForwardWidth: Int
  /// ε of every norm.
  package var epsilon: Double
  /// ln γ of each head [H].
  package var logDecay: [Double]
  /// Whether the logits use the embedding table.
  package var isTied: Bool

  /// Takes every size and constant; there is no default.
  package init(
    vocabularySize: Int, width: Int, layerCount: Int, headCount: Int, keyWidth: Int, valueWidth: Int,
    feedForwardWidth: Int, epsilon: Double, logDecay: [Double], isTied: Bool
  ) {
    precondition(logDecay.count == headCount, "ReferenceConfiguration: \(headCount) heads, \(logDecay.count) decays")
    (self.vocabularySize, self.width, self.layerCount) = (vocabularySize, width, layerCount)
    (self.headCount, self.keyWidth, self.valueWidth) = (headCount, keyWidth, valueWidth)
    (self.feedForwardWidth, self.epsilon) = (feedForwardWidth, epsilon)
    (self.logDecay, self.isTied) = (logDecay, isTied)
  }

  /// The names and shapes of the parameters of one block, each name without the prefix `layers.i.`.
  package var blockParameterShapes: [(name: String, shape: [Int])] {
    let (keys, values) = (headCount * keyWidth, headCount * valueWidth)
    return [
      ("ret_norm.weight", [width]), ("ret.q.weight", [keys, width]), ("ret.k.weight", [keys, width]),
      ("ret.v.weight", [values, width]), ("ret.g.weight", [values, width]), ("ret.o.weight", [width, values]),
      ("ret.head_norm.weight", [valueWidth]), ("ffn_norm.weight", [width]),
      ("ffn.gate.weight", [feedForwardWidth, width]), ("ffn.up.weight", [feedForwardWidth, width]),
      ("ffn.down.weight", [width, feedForwardWidth]),
    ]
  }
}

/// One block with what its backward needs, each intermediate under its name in the formulas.
///
/// Pre-norm, x₁ = x + o(silu(g) ⊙ headNorm(retention(q, k, v))), x₂ = x₁ + down(silu(gate w) ⊙ up w), with RMSNorm,
/// k scaled by K^-½ before the half-split rotation with standard θ of base 10000 (docs/MATH.md, eq. 1).
package struct ReferenceBlock: Sendable {
  package let configuration: ReferenceConfiguration
  /// The block's parameters by name without prefix.
  package let parameters: [String: ReferenceTensor]
  /// The input [B, T, D] and its norm.
  package let x, u: ReferenceTensor
  /// Rotated queries and scaled rotated keys [B, T, H, K], values [B, T, H, V], decays, entering state, documents.
  package let retentionInputs: RetentionInputs
  /// The output of retention [B, T, H, V], its head norm, the gate's argument and the gated product [B, T, H·V].
  package let o, y, g, z: ReferenceTensor
  /// The state after the last step [B, H, K, V].
  package let finalState: ReferenceTensor
  /// The residual stream after retention and its norm [B, T, D].
  package let x1, w: ReferenceTensor
  /// The activated and the plain factor of the feed-forward layer and their product [B, T, F].
  package let a, b, h: ReferenceTensor
  /// The output [B, T, D].
  package let x2: ReferenceTensor
  private let positions: [[Int]]

  /// Runs the block forward.
  ///
  /// - Parameters:
  ///   - x: [B, T, D].
  ///   - parameters: By name without prefix, shapes as `blockParameterShapes`.
  ///   - configuration: Sizes and constants.
  ///   - positions: The position of each step [B][T].
  ///   - initialState: [B, H, K, V], or none for zero.
  ///   - documentStarts: As in `RetentionInputs`.
  package init(
    _ x: ReferenceTensor, parameters: [String: ReferenceTensor], configuration: ReferenceConfiguration,
    positions: [[Int]], initialState: ReferenceTensor? = nil, documentStarts: [[Int]]? = nil
  ) {
    let (B, T) = (x.shape[0], x.shape[1])
    let (H, K, V) = (configuration.headCount, configuration.keyWidth, configuration.valueWidth)
    let epsilon = configuration.epsilon
    func parameter(_ name: String) -> ReferenceTensor { Self.parameter(name, in: parameters) }

    u = Reference.rmsNorm(x, weight: parameter("ret_norm.weight"), epsilon: epsilon)
    let q = Reference.linear(u, weight: parameter("ret.q.weight")).reshaped([B, T, H, K])
    let k = Reference.linear(u, weight: parameter("ret.k.weight")).reshaped([B, T, H, K])
    let v = Reference.linear(u, weight: parameter("ret.v.weight")).reshaped([B, T, H, V])
    g = Reference.linear(u, weight: parameter("ret.g.weight"))
    retentionInputs = RetentionInputs(
      q: Self.rotation(q, positions), k: Self.rotation(Self.keyScale(K) * k, positions), v: v,
      logDecay: configuration.logDecay, initialState: initialState, documentStarts: documentStarts)
    let retained = Reference.retention(retentionInputs, .recurrent)
    (o, finalState) = (retained.output, retained.finalState)
    y = Reference.rmsNorm(o, weight: parameter("ret.head_norm.weight"), epsilon: epsilon).reshaped([B, T, H * V])
    z = Reference.gate(g, y)
    x1 = x + Reference.linear(z, weight: parameter("ret.o.weight"))

    w = Reference.rmsNorm(x1, weight: parameter("ffn_norm.weight"), epsilon: epsilon)
    a = Reference.linear(w, weight: parameter("ffn.gate.weight"))
    b = Reference.linear(w, weight: parameter("ffn.up.weight"))
    h = Reference.gate(a, b)
    x2 = x1 + Reference.linear(h, weight: parameter("ffn.down.weight"))
    (self.x, self.parameters, self.configuration, self.positions) = (x, parameters, configuration, positions)
  }

  /// Runs the block backward, each line the backward of one line of the forward, in reverse.
  ///
  /// - Parameters:
  ///   - dx2: The gradient of the output [B, T, D].
  ///   - dFinalState: The gradient of the state after the last step [B, H, K, V], or none for zero.
  /// - Returns: Gradients of the input, of the initial state, and of the parameters by name without prefix.
  package func backward(
    _ dx2: ReferenceTensor, dFinalState: ReferenceTensor? = nil
  ) -> (dx: ReferenceTensor, dInitialState: ReferenceTensor, gradients: [String: ReferenceTensor]) {
    let (B, T) = (x.shape[0], x.shape[1])
    let (H, K, V) = (configuration.headCount, configuration.keyWidth, configuration.valueWidth)
    var gradients: [String: ReferenceTensor] = [:]
    func linearBackward(_ dy: ReferenceTensor, _ x: ReferenceTensor, _ name: String) -> ReferenceTensor {
      let found = Reference.linearBackward(dy, x: x, weight: Self.parameter(name, in: parameters))
      gradients[name] = found.dweight
      return found.dx
    }
    func normBackward(_ dy: ReferenceTensor, _ x: ReferenceTensor, _ name: String) -> ReferenceTensor {
      let found = Reference.rmsNormBackward(
        dy, x: x, weight: Self.parameter(name, in: parameters), epsilon: configuration.epsilon)
      gradients[name] = found.dweight
      return found.dx
    }

    let dh = linearBackward(dx2, h, "ffn.down.weight")
    let (da, db) = Reference.gateBackward(dh, g: a, y: b)
    let dw = linearBackward(da, w, "ffn.gate.weight") + linearBackward(db, w, "ffn.up.weight")
    let dx1 = dx2 + normBackward(dw, x1, "ffn_norm.weight")

    let dz = linearBackward(dx1, z, "ret.o.weight")
    let (dg, dy) = Reference.gateBackward(dz, g: g, y: y)
    let dO = normBackward(dy.reshaped([B, T, H, V]), o, "ret.head_norm.weight")
    let retained = Reference.retentionBackward(retentionInputs, .recurrent, dOutput: dO, dFinalState: dFinalState)
    let dq = Self.rotationBackward(retained.dq, positions)
    let dk = Self.keyScale(K) * Self.rotationBackward(retained.dk, positions)
    let du =
      linearBackward(dq.reshaped([B, T, H * K]), u, "ret.q.weight")
      + linearBackward(dk.reshaped([B, T, H * K]), u, "ret.k.weight")
      + linearBackward(retained.dv.reshaped([B, T, H * V]), u, "ret.v.weight") + linearBackward(dg, u, "ret.g.weight")
    return (dx1 + normBackward(du, x, "ret_norm.weight"), retained.dInitialState, gradients)
  }

  private static func keyScale(_ K: Int) -> Double { 1 / Double(K).squareRoot() }

  private static func rotation(_ x: ReferenceTensor, _ positions: [[Int]]) -> ReferenceTensor {
    let angles = ReferenceAngles.standard.table(keyWidth: x.width, base: 10000)
    return Reference.rotation(x, positions: positions, angles: angles, layout: .halfSplit)
  }

  private static func rotationBackward(_ dy: ReferenceTensor, _ positions: [[Int]]) -> ReferenceTensor {
    let angles = ReferenceAngles.standard.table(keyWidth: dy.width, base: 10000)
    return Reference.rotationBackward(dy, positions: positions, angles: angles, layout: .halfSplit)
  }

  private static func parameter(_ name: String, in parameters: [String: ReferenceTensor]) -> ReferenceTensor {
    guard let tensor = parameters[name] else { preconditionFailure("ReferenceBlock: no parameter '\(name)'") }
    return tensor
  }
}
