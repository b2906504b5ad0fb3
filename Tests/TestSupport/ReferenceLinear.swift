extension Reference {
  /// A linear map of rows, y = x Wᵀ + b (docs/MATH.md, eq. 25).
  ///
  /// - Parameters:
  ///   - x: Rows [..., I].
  ///   - weight: [O, I].
  ///   - bias: [O], or none.
  /// - Returns: [..., O].
  package static func linear(
    _ x: ReferenceTensor, weight: ReferenceTensor, bias: ReferenceTensor? = nil
  ) -> ReferenceTensor {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    precondition(x.width == inputs, "linear: x \(x.shape), weight \(weight.shape)")
    precondition(bias == nil || bias?.shape == [outputs], "linear: bias \(bias?.shape ?? []), weight \(weight.shape)")
    var y = ReferenceTensor(x.shape.dropLast() + [outputs])
    for row in 0..<x.rowCount {
      for output in 0..<outputs {
        var sum = bias?[output] ?? 0
        for input in 0..<inputs { sum += x.values[row * inputs + input] * weight[output, input] }
        y.values[row * outputs + output] = sum
      }
    }
    return y
  }

  /// Backward of `linear`: dx = dy W, dW = dyᵀ x, db = Σ dy over the rows.
  ///
  /// - Parameters:
  ///   - dy: [..., O].
  ///   - x: [..., I], as in the forward.
  ///   - weight: [O, I].
  /// - Returns: Gradients in the shapes of `x`, `weight` and a bias [O].
  package static func linearBackward(
    _ dy: ReferenceTensor, x: ReferenceTensor, weight: ReferenceTensor
  ) -> (dx: ReferenceTensor, dweight: ReferenceTensor, dbias: ReferenceTensor) {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    precondition(dy.shape == x.shape.dropLast() + [outputs], "linearBackward: dy \(dy.shape), weight \(weight.shape)")
    precondition(x.width == inputs, "linearBackward: x \(x.shape), weight \(weight.shape)")
    var dx = ReferenceTensor(x.shape)
    var dweight = ReferenceTensor(weight.shape)
    var dbias = ReferenceTensor([outputs])
    for row in 0..<x.rowCount {
      for output in 0..<outputs {
        let d = dy.values[row * outputs + output]
        for input in 0..<inputs {
          dx.values[row * inputs + input] += d * weight[output, input]
          dweight[output, input] += d * x.values[row * inputs + input]
        }
        dbias[output] += d
      }
    }
    return (dx, dweight, dbias)
  }

  /// The embedding rows of tokens.
  ///
  /// - Parameters:
  ///   - tokens: B sequences of T ids each, 0 ≤ id < N.
  ///   - weight: [N, D].
  /// - Returns: [B, T, D].
  package static func embedding(_ tokens: [[Int]], weight: ReferenceTensor) -> ReferenceTensor {
    let width = weight.width
    let rows = tokens.joined().flatMap { weight.values[$0 * width..<($0 + 1) * width] }
    return ReferenceTensor([tokens.count, tokens.first?.count ?? 0, width], rows)
  }

  /// Backward of `embedding`: each row of dy is added to the row of its token.
  ///
  /// - Parameters:
  ///   - dy: [B, T, D].
  ///   - tokens: As in the forward.
  ///   - vocabularySize: N.
  /// - Returns: The gradient of the weight [N, D].
  package static func embeddingBackward(
    _ dy: ReferenceTensor, tokens: [[Int]], vocabularySize: Int
  ) -> ReferenceTensor {
    let width = dy.width
    precondition(dy.rowCount == tokens.joined().count, "embeddingBackward: dy \(dy.shape), tokens \(tokens.count)")
    var dweight = ReferenceTensor([vocabularySize, width])
    for (row, token) in tokens.joined().enumerated() {
      for column in 0..<width { dweight[token, column] += dy.values[row * width + column] }
    }
    return dweight
  }
}
