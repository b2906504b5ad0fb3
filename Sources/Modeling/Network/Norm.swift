internal import Tensors

/// A norm of the residual stream, RMSNorm or LayerNorm, with its weights (docs/MATH.md, eq. 13, 14 and 26).
struct Norm {
  let kind: NormKind
  let weights: NormTensors<Tensor>
  let epsilon: Float

  init(_ configuration: ModelConfiguration, _ weights: NormTensors<Tensor>) {
    kind = configuration.norm
    self.weights = weights
    epsilon = Float(configuration.normEpsilon)
  }

  /// y = norm(x); `statistics` receives what the backward needs.
  func forward(_ y: Tensor, _ statistics: NormStatistics, _ x: Tensor, on pool: WorkerPool) {
    if kind == .layer {
      layerNorm(
        y, mean: statistics.mean, inverse: statistics.inverse, x, weight: weights.weight, bias: weights.bias,
        epsilon: epsilon, on: pool)
    } else {
      rmsNorm(y, inverse: statistics.inverse, x, weight: weights.weight, epsilon: epsilon, on: pool)
    }
  }

  /// dx = addend + the gradient through the norm; adds to the gradients of the weights.
  func backward(
    _ dx: Tensor, gradients: NormTensors<Tensor>, addend: Tensor?, _ dy: Tensor, _ x: Tensor,
    _ statistics: NormStatistics,
    partials: Tensor, on pool: WorkerPool
  ) {
    if kind == .layer {
      layerNormBackward(
        dx, dweight: gradients.weight, dbias: gradients.bias, addend: addend, dy, x, weight: weights.weight,
        mean: statistics.mean, inverse: statistics.inverse, partials: partials, on: pool)
    } else {
      rmsNormBackward(
        dx, dweight: gradients.weight, addend: addend, dy, x, weight: weights.weight, inverse: statistics.inverse,
        partials: partials, on: pool)
    }
  }
}

/// The statistics of a norm: the mean of each row (LayerNorm only), and the factor of each row [R].
struct NormStatistics {
  let mean: Tensor
  let inverse: Tensor

  init(rows: Int) {
    mean = Tensor(Shape(rows))
    inverse = Tensor(Shape(rows))
  }

  private init(_ other: NormStatistics, rows: Int) {
    mean = other.mean.prefix(rows)
    inverse = other.inverse.prefix(rows)
  }

  /// Bytes of what `init` allocates.
  static func byteCount(rows: Int) -> Double { 2 * Tensor.byteCount(rows) }

  func prefix(_ rows: Int) -> NormStatistics { NormStatistics(self, rows: rows) }
}
