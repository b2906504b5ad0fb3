/// One block with what its backward needs, each intermediate under its name in the formulas.
///
/// Pre-norm, x₁ = x + o(silu(g) ⊙ headNorm(retention(q, k, v) / c)), x₂ = x₁ + down(f(gate w) ⊙ up w), with k scaled by
/// K^-½ before the rotation (docs/MATH.md, eq. 1); c and other parts as the configuration has them.
package struct ReferenceBlock: Sendable {
  package let configuration: ReferenceConfiguration
  /// The block's parameters by name without prefix.
  package let parameters: [String: ReferenceTensor]
  /// The input [B, T, D] and its norm.
  package let x, u: ReferenceTensor
  /// Rotated queries and scaled rotated keys [B, T, H, K], values [B, T, H, V], decays, entering state, documents.
  package let retentionInputs: RetentionInputs
  /// 1 / c of each row and head [B, T, H].
  package let scoreFactors: ReferenceTensor
  /// The output of retention over c [B, T, H, V], its head norm, the gate's argument and the gated product [B, T, H·V].
  package let o, y: ReferenceTensor
  package let g: ReferenceTensor?
  package let z: ReferenceTensor
  /// The state after the last step [B, H, K, V]; with xPos it counts from the position after that step.
  package let finalState: ReferenceTensor
  /// The residual stream after retention and its norm [B, T, D].
  package let x1, w: ReferenceTensor
  /// The activated and the plain factor of the feed-forward layer and their product [B, T, F].
  package let a: ReferenceTensor
  package let b: ReferenceTensor?
  package let h: ReferenceTensor
  /// The output [B, T, D].
  package let x2: ReferenceTensor
  private let positions: [[Int]]
  private let dropout: ReferenceDropout.Block?

  /// Runs the block forward.
  ///
  /// - Parameters:
  ///   - x: [B, T, D].
  ///   - parameters: By name without prefix, shapes as `blockParameterShapes`.
  ///   - configuration: Sizes and constants.
  ///   - positions: The position of each step [B][T].
  ///   - initialState: [B, H, K, V], or none for zero.
  ///   - documentStarts: As in `RetentionInputs`.
  ///   - dropout: The factors of what is added to the stream, or none.
  /// - Precondition: No initial state with a score norm, which would need more than it.
  package init(
    _ x: ReferenceTensor, parameters: [String: ReferenceTensor], configuration: ReferenceConfiguration,
    positions: [[Int]], initialState: ReferenceTensor? = nil, documentStarts: [[Int]]? = nil,
    dropout: ReferenceDropout.Block? = nil
  ) {
    precondition(initialState == nil || configuration.scoreNorm == .none, "ReferenceBlock: a state and a score norm")
    let c = configuration
    let (B, T) = (x.shape[0], x.shape[1])
    let (H, G, K, V) = (c.headCount, c.keyHeadCount, c.keyWidth, c.valueWidth)
    let operations = ReferenceOperations(c, parameters)

    u = operations.norm(x, "ret_norm")
    let q = operations.linear(u, "ret.q").reshaped([B, T, H, K])
    let k = operations.linear(u, "ret.k").reshaped([B, T, G, K])
    let v = operations.linear(u, "ret.v").reshaped([B, T, G, V])
    g = c.hasGate ? operations.linear(u, "ret.g") : nil
    retentionInputs = RetentionInputs(
      q: operations.rotation(q, positions, power: 1),
      k: operations.rotation(Self.keyScale(K) * k, positions, power: -1), v: v, logDecay: c.logDecay,
      initialState: initialState.map { operations.movedOrigin($0, by: -positions[0][0]) },
      documentStarts: documentStarts)
    let retained = Reference.retention(retentionInputs, .recurrent)
    scoreFactors = Reference.scoreNormFactors(retentionInputs, c.scoreNorm)
    o = Reference.scaledHeads(retained.output, scoreFactors)
    finalState = operations.movedOrigin(retained.finalState, by: positions[0][0] + T)
    y = Reference.headNorm(
      o, c.headNorm, weight: parameters["ret.head_norm.weight"], bias: parameters["ret.head_norm.bias"],
      epsilon: c.epsilon)
    z = if let g { Reference.gate(g, y) } else { y }
    x1 = x + ReferenceDropout.kept(operations.linear(z, "ret.o"), dropout?.mixer)

    w = operations.norm(x1, "ffn_norm")
    if c.isFeedForwardGated {
      let up = operations.linear(w, "ffn.up")
      (a, b) = (operations.linear(w, "ffn.gate"), up)
      h = Reference.gate(a, up, c.activation)
      x2 = x1 + ReferenceDropout.kept(operations.linear(h, "ffn.down"), dropout?.feedForward)
    } else {
      (a, b) = (operations.linear(w, "ffn.fc1"), nil)
      h = Reference.activation(a, c.activation)
      x2 = x1 + ReferenceDropout.kept(operations.linear(h, "ffn.fc2"), dropout?.feedForward)
    }
    (self.x, self.parameters, self.configuration, self.positions) = (x, parameters, configuration, positions)
    self.dropout = dropout
  }

  /// Runs the block backward, each line the backward of one line of the forward, in reverse; c counts as a constant.
  ///
  /// - Parameters:
  ///   - dx2: The gradient of the output [B, T, D].
  ///   - dFinalState: The gradient of the state after the last step [B, H, K, V], or none for zero.
  /// - Returns: Gradients of the input, of the initial state, and of the parameters by name without prefix.
  package func backward(
    _ dx2: ReferenceTensor, dFinalState: ReferenceTensor? = nil
  ) -> (dx: ReferenceTensor, dInitialState: ReferenceTensor, gradients: [String: ReferenceTensor]) {
    let c = configuration
    let (B, T) = (x.shape[0], x.shape[1])
    let (H, G, K, V) = (c.headCount, c.keyHeadCount, c.keyWidth, c.valueWidth)
    let operations = ReferenceOperations(c, parameters)
    var gradients: [String: ReferenceTensor] = [:]

    let dw: ReferenceTensor
    let dnarrowed = ReferenceDropout.kept(dx2, dropout?.feedForward)
    if let b {
      let dh = operations.linearBackward(dnarrowed, h, "ffn.down", &gradients)
      let (da, db) = Reference.gateBackward(dh, g: a, y: b, c.activation)
      dw =
        operations.linearBackward(da, w, "ffn.gate", &gradients)
        + operations.linearBackward(db, w, "ffn.up", &gradients)
    } else {
      let dh = operations.linearBackward(dnarrowed, h, "ffn.fc2", &gradients)
      dw = operations.linearBackward(
        Reference.activationBackward(dh, x: a, c.activation), w, "ffn.fc1", &gradients)
    }
    let dx1 = dx2 + operations.normBackward(dw, x1, "ffn_norm", &gradients)

    let dz = operations.linearBackward(ReferenceDropout.kept(dx1, dropout?.mixer), z, "ret.o", &gradients)
    var (dy, du) = (dz, ReferenceTensor(u.shape))
    if let g {
      let (dg, dnormed) = Reference.gateBackward(dz, g: g, y: y)
      dy = dnormed
      du = operations.linearBackward(dg, u, "ret.g", &gradients)
    }
    let found = Reference.headNormBackward(
      dy, o: o, c.headNorm, weight: parameters["ret.head_norm.weight"], bias: parameters["ret.head_norm.bias"],
      epsilon: c.epsilon)
    gradients["ret.head_norm.weight"] = found.dweight
    gradients["ret.head_norm.bias"] = found.dbias
    let retained = Reference.retentionBackward(
      retentionInputs, .recurrent, dOutput: Reference.scaledHeads(found.dO, scoreFactors),
      dFinalState: dFinalState.map { operations.movedOrigin($0, by: positions[0][0] + T) })
    let dq = operations.rotationBackward(retained.dq, positions, power: 1)
    let dk = Self.keyScale(K) * operations.rotationBackward(retained.dk, positions, power: -1)
    du += operations.linearBackward(dq.reshaped([B, T, H * K]), u, "ret.q", &gradients)
    du += operations.linearBackward(dk.reshaped([B, T, G * K]), u, "ret.k", &gradients)
    du += operations.linearBackward(retained.dv.reshaped([B, T, G * V]), u, "ret.v", &gradients)
    let dInitialState = operations.movedOrigin(retained.dInitialState, by: -positions[0][0])
    return (dx1 + operations.normBackward(du, x, "ret_norm", &gradients), dInitialState, gradients)
  }

  private static func keyScale(_ K: Int) -> Double { 1 / Double(K).squareRoot() }
}
