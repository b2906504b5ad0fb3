internal import Tensors

/// A linear layer, y = x Wᵀ + b, and its backward (docs/MATH.md, eq. 25).
///
/// Every product with a weight of the model is made here.
struct Linear {
  /// [out, in].
  let weight: WeightMatrix
  /// [out], or nil.
  let bias: Tensor?

  init(_ weight: WeightMatrix, _ bias: Tensor?) {
    self.weight = weight
    self.bias = bias
  }

  /// y = x Wᵀ + b, added to y if `accumulate`.
  ///
  /// - Parameters:
  ///   - y: [R, out].
  ///   - x: [R, in].
  ///   - accumulate: Whether to add to y, as in a residual sum.
  ///   - precision: The format in which the product reads x and a Float32 weight.
  ///   - pool: Where the work runs.
  func forward(
    _ y: Matrix, _ x: Tensor, accumulate: Bool = false, precision: ProductPrecision, on pool: WorkerPool
  ) {
    multiply(y, Matrix(x), weight: weight, accumulate: accumulate, precision: precision, on: pool)
    if let bias { addBias(y, bias, on: pool) }
  }

  /// dx = dy W, dW += dyᵀ x, db += Σ dy.
  ///
  /// - Parameters:
  ///   - dx: [R, in].
  ///   - gradients: Gradients of the weight and the bias, added to; empty if the weight is not trained.
  ///   - dy: [R, out].
  ///   - x: The forward's input [R, in].
  ///   - partials: Scratch of at least `partialCount(rows: R)` rows of the bias.
  ///   - precision: As in the forward.
  ///   - pool: Where the work runs.
  /// - Precondition: The weight is one tensor, as in training.
  func backward(
    _ dx: Matrix, gradients: (weight: Tensor, bias: Tensor?), _ dy: Matrix, _ x: Tensor, partials: Tensor,
    precision: ProductPrecision, on pool: WorkerPool
  ) {
    guard let weight = weight.tensor else { preconditionFailure("Linear.backward: the weight is not one tensor") }
    if let dbias = gradients.bias { addBiasBackward(dbias, dy, partials: partials, on: pool) }
    multiply(dx, dy, Matrix(weight), transposed: .none, precision: precision, on: pool)
    guard gradients.weight.shape.count > 0 else { return }
    multiply(
      Matrix(gradients.weight), dy, Matrix(x), transposed: .first, accumulate: true, precision: precision, on: pool)
  }
}
