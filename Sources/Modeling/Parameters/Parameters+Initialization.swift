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
      let name = description.name
      if name.hasSuffix(".bias") {
        weight.fill(0)
      } else if !description.isMatrix {
        weight.fill(1)
      } else if name == "embed.weight" || name == "lm_head.weight" {
        weight.fillNormal(deviation: 1 / Double(weight.shape[1]).squareRoot(), from: &source)
      } else if name.hasSuffix("ret.o.weight") {
        weight.fillUniform(bound: 0.5 * xavierBound(weight.shape), from: &source)
      } else if name.contains(".ret.") {
        weight.fillUniform(bound: 0.17677669529663687 * xavierBound(weight.shape), from: &source)  // gain 2^-2.5
      } else {
        weight.fillUniform(bound: 1 / Double(weight.shape[1]).squareRoot(), from: &source)
      }
    }
  }
}

/// √(6 / (fan-in + fan-out)): Glorot & Bengio 2010.
private func xavierBound(_ shape: Shape) -> Double { (6 / Double(shape[0] + shape[1])).squareRoot() }
