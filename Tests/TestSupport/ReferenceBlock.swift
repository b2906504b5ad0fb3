/// One block with what its backward needs, each intermediate under its name in the formulas.
///
/// Pre-norm, x₁ = x + o(mixer(norm x)), x₂ = x₁ + down(f(gate w) ⊙ up w) (docs/MATH.md, eq. 1); the mixer and other parts
/// as the configuration has them.
package struct ReferenceBlock: Sendable {
  package let configuration: ReferenceConfiguration
  /// The block's parameters by name without prefix.
  package let parameters: [String: ReferenceTensor]
  package let type: ReferenceLayerType
  /// The input [B, T, D] and its norm.
  package let x, u: ReferenceTensor
  /// The mixer, one of both.
  private let retention: ReferenceGatedRetention?
  private let attention: ReferenceAttention?
  /// What the mixer's last product reads.
  private let z: ReferenceTensor
  /// The residual stream after the mixer and its norm [B, T, D].
  package let x1, w: ReferenceTensor
  /// The activated and the plain factor of the feed-forward layer and their product [B, T, F].
  package let a: ReferenceTensor
  package let b: ReferenceTensor?
  package let h: ReferenceTensor
  /// The output [B, T, D].
  package let x2: ReferenceTensor
  private let dropout: ReferenceDropout.Block?

  /// The state of retention after the last step [B, H, K, V]; with xPos it counts from the position after that step.
  ///
  /// - Precondition: A block of retention.
  package var finalState: ReferenceTensor {
    guard let retention else { preconditionFailure("ReferenceBlock: attention has no such state") }
    return retention.finalState
  }

  /// Runs the block forward.
  ///
  /// - Parameters:
  ///   - x: [B, T, D].
  ///   - parameters: By name without prefix, shapes as `blockParameterShapes`.
  ///   - configuration: Sizes and constants.
  ///   - type: The type of the layer.
  ///   - positions: The position of each step [B][T].
  ///   - initialState: [B, H, K, V], or none for zero; of retention.
  ///   - documentStarts: As in `RetentionInputs`.
  ///   - dropout: The factors of what is added to the stream, or none.
  /// - Precondition: No initial state with a score norm, which would need more than it.
  package init(
    _ x: ReferenceTensor, parameters: [String: ReferenceTensor], configuration: ReferenceConfiguration,
    type: ReferenceLayerType = .retention, positions: [[Int]], initialState: ReferenceTensor? = nil,
    documentStarts: [[Int]]? = nil, dropout: ReferenceDropout.Block? = nil
  ) {
    let (c, operations) = (configuration, ReferenceOperations(configuration, parameters))
    u = operations.norm(x, type.prefix + "_norm")
    if type == .retention {
      let mixer = ReferenceGatedRetention(
        u, operations, parameters, c, positions: positions, initialState: initialState, documentStarts: documentStarts)
      (retention, attention, z) = (mixer, nil, mixer.z)
    } else {
      precondition(initialState == nil, "ReferenceBlock: a state of attention")
      let mixer = ReferenceAttention(
        u, operations, c.attention, type, positions: positions, documentStarts: documentStarts)
      (retention, attention, z) = (nil, mixer, mixer.z)
    }
    x1 = x + ReferenceDropout.kept(operations.linear(z, type.prefix + ".o"), dropout?.mixer)

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
    (self.x, self.parameters, self.configuration, self.type) = (x, parameters, configuration, type)
    self.dropout = dropout
  }

  /// Runs the block backward, each line the backward of one line of the forward, in reverse; c counts as a constant.
  ///
  /// - Parameters:
  ///   - dx2: The gradient of the output [B, T, D].
  ///   - dFinalState: The gradient of the state after the last step [B, H, K, V], or none for zero; of retention.
  /// - Returns: Gradients of the input, of the initial state (of retention), and of the parameters by name without
  ///   prefix.
  package func backward(
    _ dx2: ReferenceTensor, dFinalState: ReferenceTensor? = nil
  ) -> (dx: ReferenceTensor, dInitialState: ReferenceTensor, gradients: [String: ReferenceTensor]) {
    let c = configuration
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

    let dz = operations.linearBackward(
      ReferenceDropout.kept(dx1, dropout?.mixer), z, type.prefix + ".o", &gradients)
    var dInitialState = ReferenceTensor([0])
    let du: ReferenceTensor
    if let retention {
      (du, dInitialState) = retention.backward(dz, dFinalState: dFinalState, operations, parameters, c, &gradients)
    } else if let attention {
      du = attention.backward(dz, operations, &gradients)
    } else {
      preconditionFailure("ReferenceBlock: no mixer")
    }
    return (dx1 + operations.normBackward(du, x, type.prefix + "_norm", &gradients), dInitialState, gradients)
  }
}
