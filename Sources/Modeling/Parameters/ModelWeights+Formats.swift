package import Tensors

extension ModelWeights {
  /// Parameters rounded to other formats.
  ///
  /// - Parameters:
  ///   - parameters: The parameters to round.
  ///   - configuration: Resolved.
  ///   - format: The format of each matrix.
  ///   - pool: Where the rounding runs.
  package init(
    _ parameters: Parameters, _ configuration: ModelConfiguration, format: (ParameterDescription) -> WeightFormat,
    on pool: WorkerPool
  ) {
    self.init(configuration) { matrix, weight in
      matrix.append(parameters.tensor(weight), as: format(weight), on: pool)
    } tensor: { weights in
      let rows = weights.reduce(0) { $0 + $1.shape[0] }
      return parameters.flat.view(Shape(rows), at: weights[0].offset)
    }
  }

  /// Random weights. Each matrix is converted to its format once it is drawn, so a large model never exists in Float32.
  ///
  /// Matrices are uniform, bounded so that a row of ones keeps its size; norm weights are 1, biases 0.
  ///
  /// - Parameters:
  ///   - configuration: Resolved.
  ///   - format: The format of each matrix.
  ///   - seed: The seed of the random numbers.
  ///   - pool: Where the numbers are drawn; the number of threads does not change them.
  /// - Returns: Weights that depend on the seed alone.
  package static func random(
    _ configuration: ModelConfiguration, format: (ParameterDescription) -> WeightFormat, seed: UInt64,
    on pool: WorkerPool
  ) -> ModelWeights {
    let byteCount = Parameters.descriptions(configuration).reduce(0) { sum, weight in
      let (count, format) = (weight.shape.count, format(weight))
      return sum + format.byteCount(count) + format.scaleByteCount(count)
    }
    MemoryRefusal.require(byteCount: Double(byteCount))
    return ModelWeights(configuration) { matrix, weight in
      let drawn = Tensor(weight.shape)
      drawn.fillUniform(
        bound: (3 / Double(weight.shape[1])).squareRoot(), seed: seed &+ UInt64(weight.offset), on: pool)
      matrix.append(drawn, as: format(weight), on: pool)
    } tensor: { weights in
      let vector = Tensor(Shape(weights.reduce(0) { $0 + $1.shape[0] }))
      if !weights[0].isBias { vector.fill(1) }
      return vector
    }
  }
}
