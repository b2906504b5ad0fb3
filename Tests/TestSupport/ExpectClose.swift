package import Testing

/// Expects that a list is close to the reference, relative to the reference's root mean square.
///
/// - Parameters:
///   - found: The values of the operation under test, Float or Double.
///   - expected: As many reference values.
///   - ratio: The largest allowed `rmsRatio`; the call site justifies it in a line.
///   - name: What is compared, for the message.
///   - sourceLocation: Where a failure is reported.
package func expectClose(
  _ found: [some BinaryFloatingPoint], _ expected: [Double], ratio: Double, _ name: String = "values",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  expectClose(
    found, shape: [found.count], ReferenceTensor([expected.count], expected), ratio: ratio, name,
    sourceLocation: sourceLocation)
}

/// Expects that a tensor has the shape of the reference and is close to it.
///
/// - Parameters:
///   - found: The tensor under test.
///   - expected: The reference.
///   - ratio: The largest allowed `rmsRatio`.
///   - name: What is compared, for the message.
///   - sourceLocation: Where a failure is reported.
package func expectClose(
  _ found: ReferenceTensor, _ expected: ReferenceTensor, ratio: Double, _ name: String = "tensor",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  expectClose(found.values, shape: found.shape, expected, ratio: ratio, name, sourceLocation: sourceLocation)
}

/// Expects that values under a shape have the shape of the reference and are close to it.
///
/// - Parameters:
///   - found: The values of the operation under test in row-major order, Float or Double.
///   - shape: Their shape.
///   - expected: The reference.
///   - ratio: The largest allowed `rmsRatio`.
///   - name: What is compared, for the message.
///   - sourceLocation: Where a failure is reported.
package func expectClose(
  _ found: [some BinaryFloatingPoint], shape: [Int], _ expected: ReferenceTensor, ratio: Double,
  _ name: String = "tensor", sourceLocation: SourceLocation = #_sourceLocation
) {
  if let failure = closenessFailure(found.map { Double($0) }, shape: shape, expected, ratio: ratio) {
    Issue.record("\(name): \(failure)", sourceLocation: sourceLocation)
  }
}

/// Compares values with the reference as `expectClose` does, without recording.
///
/// - Parameters:
///   - found: The values in row-major order.
///   - shape: Their shape.
///   - expected: The reference.
///   - ratio: The largest allowed `rmsRatio`.
/// - Returns: Why they are not close, with the worst element, or nothing when they are.
package func closenessFailure(
  _ found: [Double], shape: [Int], _ expected: ReferenceTensor, ratio: Double
) -> String? {
  guard shape == expected.shape, found.count == expected.count else {
    return "expected shape \(expected.shape), found \(shape) with \(found.count) values"
  }
  let foundRatio = rmsRatio(found, expected.values)
  // A ratio that is not a number passes no comparison.
  if foundRatio <= ratio { return nil }

  let distances = zip(found, expected.values).map { ($0 - $1).isNaN ? Double.infinity : abs($0 - $1) }
  guard let worst = distances.indices.max(by: { distances[$0] < distances[$1] }) else { return nil }
  return """
    RMS ratio \(foundRatio) exceeds \(ratio); worst at \(coordinates(of: worst, in: shape)): \
    found \(found[worst]), expected \(expected.values[worst])
    """
}

/// The distance of two lists relative to the second: RMS(found − expected) / RMS(expected).
///
/// 0 for equal lists, also empty ones and zeros; infinite where zeros are expected and anything else is found.
package func rmsRatio(_ found: [Double], _ expected: [Double]) -> Double {
  precondition(found.count == expected.count, "rmsRatio: \(found.count) values against \(expected.count)")
  let difference = zip(found, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  guard difference != 0 else { return 0 }
  return (difference / expected.reduce(0) { $0 + $1 * $1 }).squareRoot()
}

/// The index along each axis of an element given by its row-major offset.
private func coordinates(of offset: Int, in shape: [Int]) -> [Int] {
  var rest = offset
  return shape.reversed().map { extent in
    defer { rest /= extent }
    return rest % extent
  }.reversed()
}
