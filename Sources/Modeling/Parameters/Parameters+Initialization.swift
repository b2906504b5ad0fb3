package import Tensors

extension Parameters {
  /// Fills the weights for training from scratch, as torchscale's later RetNet does (docs/MATH.md, eq. 29).
  ///
  /// - q, k, v, g: uniform Xavier with gain 2^-2.5; output: gain 2^-1 (torchscale multiscale_retention.py,
  ///   reset_parameters).
  /// - Feed-forward: uniform within 1/√fan-in (the default of torch.nn.Linear).
  /// - Embedding and head: normal with deviation D^-½.
  /// - Norms: 1. Biases: 0.
  ///
  /// Numbers are drawn in the order of `descriptions`.
  package func initialize(from source: inout RandomSource) {
    for description in descriptions {
      let weight = tensor(description)
      guard description.isMatrix else { weight.fill(description.isBias ? 0 : 1); continue }
      switch description.role {
      case .embedding, .head: weight.fillNormal(deviation: 1 / Double(weight.shape[1]).squareRoot(), from: &source)
      case .mixerOutput: weight.fillUniform(bound: 0.5 * xavierBound(weight.shape), from: &source)
      // Gain 2^-2.5.
      case .mixerInput: weight.fillUniform(bound: 0.17677669529663687 * xavierBound(weight.shape), from: &source)
      case .feedForward: weight.fillUniform(bound: 1 / Double(weight.shape[1]).squareRoot(), from: &source)
      case .norm, .initialState: preconditionFailure("initialize: \(description.name) is a matrix")
      }
    }
  }
}

/// √(6 / (fan-in + fan-out)): Glorot & Bengio 2010.
private func xavierBound(_ shape: Shape) -> Double { (6 / Double(shape[0] + shape[1])).squareRoot() }
