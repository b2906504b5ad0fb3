/// Gated retention of one block, from the norm of the stream to the gated product, with what its backward needs.
///
/// z = silu(g) ⊙ headNorm(retention(q, k, v) / c), with k scaled by K^-½ before the rotation (docs/MATH.md, eq. 1).
package struct ReferenceGatedRetention: Sendable {
  private let u: ReferenceTensor
  /// Rotated queries and scaled rotated keys [B, T, H, K], values [B, T, H, V], decays, entering state, documents.
  private let retentionInputs: RetentionInputs
  /// 1 / c of each row and head [B, T, H].
  private let scoreFactors: ReferenceTensor
  /// The output of retention over c [B, T, H, V], its head norm, the gate's argument and the gated product [B, T, H·V].
  private let o, y: ReferenceTensor
  private let g: ReferenceTensor?
  let z: ReferenceTensor
  /// As in `ReferenceBlock`.
  let finalState: ReferenceTensor
  private let positions: [[Int]]

  /// Arguments as in `ReferenceBlock`.
  init(
    _ u: ReferenceTensor, _ operations: ReferenceOperations, _ parameters: [String: ReferenceTensor],
    _ c: ReferenceConfiguration, positions: [[Int]], initialState: ReferenceTensor?, documentStarts: [[Int]]?
  ) {
    precondition(initialState == nil || c.scoreNorm == .none, "ReferenceBlock: a state and a score norm")
    let (B, T) = (u.shape[0], u.shape[1])
    let (H, G, K, V) = (c.headCount, c.keyHeadCount, c.keyWidth, c.valueWidth)
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
    (self.u, self.positions) = (u, positions)
  }

  /// The gradients of the norm of the stream and of the entering state, from that of z.
  func backward(
    _ dz: ReferenceTensor, dFinalState: ReferenceTensor?, _ operations: ReferenceOperations,
    _ parameters: [String: ReferenceTensor], _ c: ReferenceConfiguration, _ gradients: inout [String: ReferenceTensor]
  ) -> (du: ReferenceTensor, dInitialState: ReferenceTensor) {
    let (B, T) = (u.shape[0], u.shape[1])
    let (H, G, K, V) = (c.headCount, c.keyHeadCount, c.keyWidth, c.valueWidth)
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
    return (du, dInitialState)
  }

  private static func keyScale(_ K: Int) -> Double { 1 / Double(K).squareRoot() }
}
