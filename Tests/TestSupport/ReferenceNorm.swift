extension Reference {
  /// Root-mean-square norm of each row, y = w ⊙ r x with r = (mean(x²) + ε)^-½ (docs/MATH.md, eq. 13).
  ///
  /// - Parameters:
  ///   - x: Rows [..., W].
  ///   - weight: [W], or none for all ones.
  ///   - epsilon: Added to the mean square, ≥ 0.
  /// - Returns: The shape of `x`.
  package static func rmsNorm(_ x: ReferenceTensor, weight: ReferenceTensor?, epsilon: Double) -> ReferenceTensor {
    checkNorm("rmsNorm", x, weight, nil)
    let width = x.width
    var y = x
    for row in 0..<x.rowCount {
      let r = inverseRootMeanSquare(x.values[row * width..<(row + 1) * width], epsilon)
      for i in 0..<width { y.values[row * width + i] = (weight?[i] ?? 1) * r * x.values[row * width + i] }
    }
    return y
  }

  /// Backward of `rmsNorm`: with ĝ = dy ⊙ w, dx = r (ĝ − x r² mean(ĝ ⊙ x)) and dw = Σ dy ⊙ r x (eq. 14).
  ///
  /// - Parameters:
  ///   - dy: The shape of `x`.
  ///   - x: [..., W], as in the forward.
  ///   - weight: As in the forward.
  ///   - epsilon: As in the forward.
  /// - Returns: Gradients of `x` and of a weight [W].
  package static func rmsNormBackward(
    _ dy: ReferenceTensor, x: ReferenceTensor, weight: ReferenceTensor?, epsilon: Double
  ) -> (dx: ReferenceTensor, dweight: ReferenceTensor) {
    checkNorm("rmsNormBackward", x, weight, nil)
    precondition(dy.shape == x.shape, "rmsNormBackward: dy \(dy.shape), x \(x.shape)")
    let width = x.width
    var dx = x
    var dweight = ReferenceTensor([width])
    for row in 0..<x.rowCount {
      let start = row * width
      let r = inverseRootMeanSquare(x.values[start..<start + width], epsilon)
      let g = (0..<width).map { dy.values[start + $0] * (weight?[$0] ?? 1) }
      let meanGX = mean((0..<width).map { g[$0] * x.values[start + $0] })
      for i in 0..<width {
        dx.values[start + i] = r * (g[i] - x.values[start + i] * r * r * meanGX)
        dweight[i] += dy.values[start + i] * r * x.values[start + i]
      }
    }
    return (dx, dweight)
  }

  /// Layer norm of each row, y = w ⊙ x̂ + b with x̂ = (x − μ) r, r = (variance + ε)^-½ (docs/MATH.md, eq. 26).
  ///
  /// - Parameters:
  ///   - x: Rows [..., W].
  ///   - weight: [W], or none for all ones.
  ///   - bias: [W], or none for zeros.
  ///   - epsilon: Added to the variance (the mean square about μ), ≥ 0.
  /// - Returns: The shape of `x`.
  package static func layerNorm(
    _ x: ReferenceTensor, weight: ReferenceTensor?, bias: ReferenceTensor?, epsilon: Double
  ) -> ReferenceTensor {
    checkNorm("layerNorm", x, weight, bias)
    let width = x.width
    var y = x
    for row in 0..<x.rowCount {
      let centred = centredRow(x, row)
      let r = inverseRootMeanSquare(centred[...], epsilon)
      for i in 0..<width { y.values[row * width + i] = (weight?[i] ?? 1) * r * centred[i] + (bias?[i] ?? 0) }
    }
    return y
  }

  /// Backward of `layerNorm`: dx = r (ĝ − mean(ĝ) − x̂ mean(ĝ ⊙ x̂)), dw = Σ dy ⊙ x̂, db = Σ dy.
  ///
  /// - Parameters:
  ///   - dy: The shape of `x`.
  ///   - x: [..., W], as in the forward.
  ///   - weight: As in the forward.
  ///   - epsilon: As in the forward.
  /// - Returns: Gradients of `x`, of a weight [W] and of a bias [W].
  package static func layerNormBackward(
    _ dy: ReferenceTensor, x: ReferenceTensor, weight: ReferenceTensor?, epsilon: Double
  ) -> (dx: ReferenceTensor, dweight: ReferenceTensor, dbias: ReferenceTensor) {
    checkNorm("layerNormBackward", x, weight, nil)
    precondition(dy.shape == x.shape, "layerNormBackward: dy \(dy.shape), x \(x.shape)")
    let width = x.width
    var dx = x
    var dweight = ReferenceTensor([width])
    var dbias = ReferenceTensor([width])
    for row in 0..<x.rowCount {
      let start = row * width
      let centred = centredRow(x, row)
      let r = inverseRootMeanSquare(centred[...], epsilon)
      let normalised = centred.map { $0 * r }
      let g = (0..<width).map { dy.values[start + $0] * (weight?[$0] ?? 1) }
      let meanG = mean(g)
      let meanGX = mean((0..<width).map { g[$0] * normalised[$0] })
      for i in 0..<width {
        dx.values[start + i] = r * (g[i] - meanG - normalised[i] * meanGX)
        dweight[i] += dy.values[start + i] * normalised[i]
        dbias[i] += dy.values[start + i]
      }
    }
    return (dx, dweight, dbias)
  }

  private static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

  private static func inverseRootMeanSquare(_ row: ArraySlice<Double>, _ epsilon: Double) -> Double {
    1 / (mean(row.map { $0 * $0 }) + epsilon).squareRoot()
  }

  private static func centredRow(_ x: ReferenceTensor, _ row: Int) -> [Double] {
    let values = Array(x.values[row * x.width..<(row + 1) * x.width])
    let centre = mean(values)
    return values.map { $0 - centre }
  }

  private static func checkNorm(
    _ name: String, _ x: ReferenceTensor, _ weight: ReferenceTensor?, _ bias: ReferenceTensor?
  ) {
    precondition(weight.map { $0.shape == [x.width] } ?? true, "\(name): x \(x.shape), weight \(weight?.shape ?? [])")
    precondition(bias.map { $0.shape == [x.width] } ?? true, "\(name): x \(x.shape), bias \(bias?.shape ?? [])")
  }
}
