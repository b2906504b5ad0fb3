/// What a norm takes out of a row.
package enum ReferenceNormKind: Sendable, CaseIterable {
  /// Nothing.
  case none
  /// The root mean square.
  case rms
  /// Mean and deviation.
  case layer
}

extension Reference {
  /// A norm of either kind, or w ⊙ x + b.
  ///
  /// - Parameters:
  ///   - x: Rows [..., W].
  ///   - kind: Which norm.
  ///   - weight: [W], or none for all ones.
  ///   - bias: [W], or none; for a layer norm only.
  ///   - epsilon: Added to the mean square.
  /// - Returns: The shape of `x`.
  package static func norm(
    _ x: ReferenceTensor, _ kind: ReferenceNormKind, weight: ReferenceTensor?, bias: ReferenceTensor? = nil,
    epsilon: Double
  ) -> ReferenceTensor {
    precondition(kind == .layer || bias == nil, "norm: \(kind) has no bias")
    switch kind {
    case .none: return scaledRows(x, weight)
    case .rms: return rmsNorm(x, weight: weight, epsilon: epsilon)
    case .layer: return layerNorm(x, weight: weight, bias: bias, epsilon: epsilon)
    }
  }

  /// Backward of `norm`: gradients of `x`, of a weight [W] and of a bias [W].
  package static func normBackward(
    _ dy: ReferenceTensor, x: ReferenceTensor, _ kind: ReferenceNormKind, weight: ReferenceTensor?, epsilon: Double
  ) -> (dx: ReferenceTensor, dweight: ReferenceTensor, dbias: ReferenceTensor) {
    switch kind {
    case .none:
      return (scaledRows(dy, weight), columnSums(product(dy, x)), columnSums(dy))
    case .rms:
      let found = rmsNormBackward(dy, x: x, weight: weight, epsilon: epsilon)
      return (found.dx, found.dweight, columnSums(dy))
    case .layer: return layerNormBackward(dy, x: x, weight: weight, epsilon: epsilon)
    }
  }

  /// The norm of each head's output, by itself, and its weight (docs/MATH.md, eq. 15).
  ///
  /// - Parameters:
  ///   - o: Heads' outputs [..., H, V].
  ///   - kind: Which norm.
  ///   - weight: [V], shared by the heads, or [H·V], or none for all ones.
  ///   - bias: The weight's shape, or none.
  ///   - epsilon: Added to the mean square.
  /// - Returns: [..., H·V].
  package static func headNorm(
    _ o: ReferenceTensor, _ kind: ReferenceNormKind, weight: ReferenceTensor?, bias: ReferenceTensor? = nil,
    epsilon: Double
  ) -> ReferenceTensor {
    let normed = norm(o, kind, weight: nil, epsilon: epsilon)
    var y = scaledRows(normed.reshaped(joinedHeads(o.shape)), weight.map { weightOfAllHeads($0, o.shape) })
    if let bias = bias.map({ weightOfAllHeads($0, o.shape) }) {
      for index in y.values.indices { y.values[index] += bias.values[index % bias.count] }
    }
    return y
  }

  /// Backward of `headNorm`.
  ///
  /// - Parameters:
  ///   - dy: [..., H·V].
  ///   - o: As in the forward.
  ///   - kind: As in the forward.
  ///   - weight: As in the forward.
  ///   - bias: As in the forward.
  ///   - epsilon: As in the forward.
  /// - Returns: The gradient of `o`, and those of weight and bias in their shapes, where there are such.
  package static func headNormBackward(
    _ dy: ReferenceTensor, o: ReferenceTensor, _ kind: ReferenceNormKind, weight: ReferenceTensor?,
    bias: ReferenceTensor? = nil, epsilon: Double
  ) -> (dO: ReferenceTensor, dweight: ReferenceTensor?, dbias: ReferenceTensor?) {
    let normed = norm(o, kind, weight: nil, epsilon: epsilon).reshaped(dy.shape)
    let dnormed = scaledRows(dy, weight.map { weightOfAllHeads($0, o.shape) })
    let dO = normBackward(dnormed.reshaped(o.shape), x: o, kind, weight: nil, epsilon: epsilon).dx
    return (
      dO, weight.map { summed(columnSums(product(dy, normed)), as: $0) }, bias.map { summed(columnSums(dy), as: $0) }
    )
  }

  /// The gradient of a weight of all heads [H·V], or its sum over the heads [V].
  private static func summed(_ ofEachHead: ReferenceTensor, as weight: ReferenceTensor) -> ReferenceTensor {
    weight.count == ofEachHead.count
      ? ofEachHead : columnSums(ofEachHead.reshaped([ofEachHead.count / weight.count, weight.count]))
  }

  private static func joinedHeads(_ shape: [Int]) -> [Int] { shape.dropLast(2) + [shape.suffix(2).reduce(1, *)] }

  /// A weight of one head repeated for all, or one that has them all already.
  private static func weightOfAllHeads(_ weight: ReferenceTensor, _ shape: [Int]) -> ReferenceTensor {
    let count = shape.suffix(2).reduce(1, *)
    precondition(weight.count == shape.last || weight.count == count, "headNorm: o \(shape), weight \(weight.shape)")
    return ReferenceTensor([count], (0..<count).map { weight.values[$0 % weight.count] })
  }

  private static func scaledRows(_ x: ReferenceTensor, _ weight: ReferenceTensor?) -> ReferenceTensor {
    guard let weight else { return x }
    precondition(weight.shape == [x.width], "norm: x \(x.shape), weight \(weight.shape)")
    return ReferenceTensor(x.shape, x.values.indices.map { x.values[$0] * weight.values[$0 % x.width] })
  }

  private static func columnSums(_ x: ReferenceTensor) -> ReferenceTensor {
    var sums = ReferenceTensor([x.width])
    for (index, value) in x.values.enumerated() { sums.values[index % x.width] += value }
    return sums
  }

  private static func product(_ a: ReferenceTensor, _ b: ReferenceTensor) -> ReferenceTensor {
    precondition(a.shape == b.shape, "product: shapes \(a.shape) and \(b.shape) differ")
    return ReferenceTensor(a.shape, zip(a.values, b.values).map { $0 * $1 })
  }
}
