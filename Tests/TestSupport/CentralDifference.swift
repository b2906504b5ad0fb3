package import Testing

/// Derivatives of scalar functions by central differences, in Float64.
///
/// The rule of fourth order, (8 (f(h) − f(−h)) − (f(2h) − f(−2h))) / 12h: its own error is h⁴ f⁽⁵⁾/30 and its rounding
/// about 1e-16 |f| / h. With h = 1e-4 both stay below 1e-9 even through norms of short rows, where f⁽⁵⁾ / f′ reaches 1e8.
package enum CentralDifference {
  /// The derivative of a function at a point along a direction.
  package static func derivative(
    of function: (ReferenceTensor) -> Double, at point: ReferenceTensor, along direction: ReferenceTensor,
    step: Double = 1e-4
  ) -> Double {
    func difference(_ h: Double) -> Double { function(point + h * direction) - function(point + -h * direction) }
    return (8 * difference(step) - difference(2 * step)) / (12 * step)
  }

  /// The whole gradient of a function at a point, element by element: four evaluations for each.
  package static func gradient(
    of function: (ReferenceTensor) -> Double, at point: ReferenceTensor, step: Double = 1e-4
  ) -> ReferenceTensor {
    var gradient = ReferenceTensor(point.shape)
    for i in 0..<point.count {
      var direction = ReferenceTensor(point.shape)
      direction.values[i] = 1
      gradient.values[i] = derivative(of: function, at: point, along: direction, step: step)
    }
    return gradient
  }
}

/// Expects that a gradient is that of a scalar function, judged by central differences.
///
/// Tiny tensors (32 elements or fewer) are compared element by element, larger ones along eight random directions.
///
/// - Parameters:
///   - found: The gradient under test, in the shape of `point`.
///   - name: The gradient's name, for the message.
///   - point: Where the function is differentiated.
///   - ratio: The largest allowed RMS ratio of found to differenced derivatives.
///   - sourceLocation: Where a failure is reported.
///   - function: The scalar function.
package func expectGradient(
  _ found: ReferenceTensor, _ name: String, at point: ReferenceTensor, ratio: Double,
  sourceLocation: SourceLocation = #_sourceLocation, of function: (ReferenceTensor) -> Double
) {
  if let failure = gradientFailure(found, at: point, ratio: ratio, of: function) {
    Issue.record("\(name): \(failure)", sourceLocation: sourceLocation)
  }
}

/// Why a tensor is not the gradient of a function, or nothing when it is; parameters as in `expectGradient`.
package func gradientFailure(
  _ found: ReferenceTensor, at point: ReferenceTensor, ratio: Double, of function: (ReferenceTensor) -> Double
) -> String? {
  guard found.shape == point.shape else { return "expected shape \(point.shape), found \(found.shape)" }
  if point.count <= 32 {
    let expected = CentralDifference.gradient(of: function, at: point)
    return closenessFailure(found.values, shape: found.shape, expected, ratio: ratio)
  }
  var generator = SeededGenerator(seed: 1)
  let directions = (0..<8).map { _ in
    let direction = ReferenceTensor.normal(point.shape, using: &generator)
    return 1 / direction.dot(direction).squareRoot() * direction
  }
  let expected = directions.map { CentralDifference.derivative(of: function, at: point, along: $0) }
  return closenessFailure(directions.map(found.dot), shape: [8], ReferenceTensor([8], expected), ratio: ratio)
    .map { "along random directions: \($0)" }
}
