package import Tensors

extension Parameters {
  /// Fills the weights for training from scratch: the recipe of torchscale's later RetNet (docs/MATH.md, eq. 29).
  ///
  /// q, k, v, g: uniform Xavier with gain 2^-2.5, output: gain 2^-1 (torchscale multiscale_retention.py,
  /// reset_parameters); feed-forward: uniform within 1/√fan-in (the default of torch.nn.Linear); embedding and head:
  /// normal with deviation D^-½; norms: 1; biases: 0. The order of the draws is the order of `descriptions`.
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
