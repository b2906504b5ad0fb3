package import Tensors

extension Parameters {
  /// Fills the weights for training from scratch, as torchscale's later RetNet does (docs/MATH.md, eq. 29).
  ///
  /// - Mixers: uniform Xavier with the gains of the layer type.
  /// - Feed-forward: uniform within 1/√fan-in (the default of torch.nn.Linear).
  /// - Embedding and head: normal with deviation D^-½.
  /// - Norms: 1. Biases: 0.
  /// - Scalars of the residual stream: from 1.15 in the first block to 1.05 in the last, and from 0.2 to 0.05 for the
  ///   embedding (nanochat gpt.py, July 2026).
  /// - With `zero_init_output`, the output and the last matrix of the feed-forward part are 0. Their numbers are drawn
  ///   all the same, so that the other weights do not depend on the key.
  ///
  /// Numbers are drawn in the order of `descriptions`.
  package func initialize(from source: inout RandomSource) {
    for description in descriptions {
      let weight = tensor(description)
      guard description.isMatrix else { weight.fill(description.isBias ? 0 : 1); continue }
      defer { if description.isZeroInitially { weight.fill(0) } }
      switch description.role {
      case .embedding, .head: weight.fillNormal(deviation: 1 / Double(weight.shape[1]).squareRoot(), from: &source)
      case .mixerInput, .mixerOutput:
        weight.fillUniform(bound: description.gain * xavierBound(weight.shape), from: &source)
      case .feedForward: weight.fillUniform(bound: 1 / Double(weight.shape[1]).squareRoot(), from: &source)
      case .norm, .residualScale, .initialState: preconditionFailure("initialize: \(description.name) is a matrix")
      }
    }
    for (index, layer) in tensors.layers.enumerated() {
      let place = Float(index) / Float(max(1, tensors.layers.count - 1))
      layer.residual?.stream.fill(1.15 - 0.1 * place)
      layer.residual?.embedding.fill(0.2 - 0.15 * place)
    }
  }
}

/// √(6 / (fan-in + fan-out)): Glorot & Bengio 2010.
private func xavierBound(_ shape: Shape) -> Double { (6 / Double(shape[0] + shape[1])).squareRoot() }
