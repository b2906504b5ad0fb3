/// A dense row-major Float64 array with a shape: the one data type of the reference.
///
/// Made for reading, not for speed. Every index is checked.
package struct ReferenceTensor: Equatable, Sendable {
  /// The extent of each axis, outermost first; empty for a scalar.
  package let shape: [Int]
  /// The elements, last axis fastest.
  package var values: [Double]

  /// Wraps values that already lie in row-major order.
  package init(_ shape: [Int], _ values: [Double]) {
    precondition(
      shape.reduce(1, *) == values.count, "ReferenceTensor: shape \(shape) does not hold \(values.count) values")
    self.shape = shape
    self.values = values
  }

  /// Widens Float32 values that lie in row-major order.
  package init(_ shape: [Int], floats: [Float]) {
    self.init(shape, floats.map { Double($0) })
  }

  /// A tensor with the same value everywhere.
  package init(_ shape: [Int], repeating value: Double = 0) {
    self.init(shape, [Double](repeating: value, count: shape.reduce(1, *)))
  }

  /// Independent normal values with mean 0 and the given standard deviation.
  package static func normal(
    _ shape: [Int], deviation: Double = 1, using generator: inout SeededGenerator
  ) -> ReferenceTensor {
    ReferenceTensor(shape, (0..<shape.reduce(1, *)).map { _ in deviation * generator.nextNormal() })
  }

  /// The numbers as Float32 holds them, so that the operation and the reference start from the same.
  package var rounded: ReferenceTensor { ReferenceTensor(shape, floats: floats) }

  /// Normal numbers that Float32 holds exactly.
  package static func roundedNormal(
    _ shape: [Int], deviation: Double = 1, using generator: inout SeededGenerator
  ) -> ReferenceTensor {
    normal(shape, deviation: deviation, using: &generator).rounded
  }

  /// The number of elements.
  package var count: Int { values.count }

  /// The extent of the last axis.
  package var width: Int {
    guard let width = shape.last else { preconditionFailure("ReferenceTensor: a scalar has no last axis") }
    return width
  }

  /// The number of rows: the product of all axes but the last.
  package var rowCount: Int { shape.dropLast().reduce(1, *) }

  /// The values rounded once to Float32, as an operation under test takes them.
  package var floats: [Float] { values.map(Float.init) }

  /// The same values under another shape of the same size.
  package func reshaped(_ shape: [Int]) -> ReferenceTensor { ReferenceTensor(shape, values) }

  /// The same shape with each value replaced.
  package func map(_ transform: (Double) -> Double) -> ReferenceTensor {
    ReferenceTensor(shape, values.map(transform))
  }

  /// The sum of the products of corresponding elements.
  package func dot(_ other: ReferenceTensor) -> Double {
    precondition(shape == other.shape, "dot: shapes \(shape) and \(other.shape) differ")
    return zip(values, other.values).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// The indices `first ..< last` of one axis, the others whole.
  package func slice(axis: Int, _ range: Range<Int>) -> ReferenceTensor {
    precondition(
      shape.indices.contains(axis) && range.lowerBound >= 0 && range.upperBound <= shape[axis],
      "slice: axis \(axis), range \(range) in shape \(shape)")
    let inner = shape[(axis + 1)...].reduce(1, *)
    var result: [Double] = []
    for outer in 0..<shape[..<axis].reduce(1, *) {
      for index in range {
        let start = (outer * shape[axis] + index) * inner
        result += values[start..<start + inner]
      }
    }
    var resultShape = shape
    resultShape[axis] = range.count
    return ReferenceTensor(resultShape, result)
  }

  /// Two tensors joined along one axis, all other extents equal.
  package func joined(_ other: ReferenceTensor, axis: Int) -> ReferenceTensor {
    var resultShape = shape
    resultShape[axis] += other.shape[axis]
    var expectedShape = shape
    expectedShape[axis] = other.shape[axis]
    precondition(other.shape == expectedShape, "joined: shapes \(shape) and \(other.shape), axis \(axis)")
    let (left, right) = (shape[axis...].reduce(1, *), other.shape[axis...].reduce(1, *))
    var result: [Double] = []
    for outer in 0..<shape[..<axis].reduce(1, *) {
      result += values[outer * left..<(outer + 1) * left]
      result += other.values[outer * right..<(outer + 1) * right]
    }
    return ReferenceTensor(resultShape, result)
  }
}

// MARK: - Elements

extension ReferenceTensor {
  /// An element of a vector.
  package subscript(i: Int) -> Double {
    get { values[offset(i)] }
    set { values[offset(i)] = newValue }
  }

  /// An element of a matrix.
  package subscript(i: Int, j: Int) -> Double {
    get { values[offset(i, j)] }
    set { values[offset(i, j)] = newValue }
  }

  /// An element of a tensor with three axes.
  package subscript(i: Int, j: Int, k: Int) -> Double {
    get { values[offset(i, j, k)] }
    set { values[offset(i, j, k)] = newValue }
  }

  /// An element of a tensor with four axes.
  package subscript(i: Int, j: Int, k: Int, l: Int) -> Double {
    get { values[offset(i, j, k, l)] }
    set { values[offset(i, j, k, l)] = newValue }
  }

  private func offset(_ i: Int) -> Int {
    precondition(shape.count == 1 && 0 <= i && i < shape[0], "index [\(i)] in shape \(shape)")
    return i
  }

  private func offset(_ i: Int, _ j: Int) -> Int {
    precondition(
      shape.count == 2 && 0 <= i && i < shape[0] && 0 <= j && j < shape[1], "index [\(i), \(j)] in shape \(shape)")
    return i * shape[1] + j
  }

  private func offset(_ i: Int, _ j: Int, _ k: Int) -> Int {
    precondition(
      shape.count == 3 && 0 <= i && i < shape[0] && 0 <= j && j < shape[1] && 0 <= k && k < shape[2],
      "index [\(i), \(j), \(k)] in shape \(shape)")
    return (i * shape[1] + j) * shape[2] + k
  }

  private func offset(_ i: Int, _ j: Int, _ k: Int, _ l: Int) -> Int {
    precondition(
      shape.count == 4 && 0 <= i && i < shape[0] && 0 <= j && j < shape[1] && 0 <= k && k < shape[2]
        && 0 <= l && l < shape[3], "index [\(i), \(j), \(k), \(l)] in shape \(shape)")
    return ((i * shape[1] + j) * shape[2] + k) * shape[3] + l
  }
}

// MARK: - Arithmetic

extension ReferenceTensor {
  /// The sum, element by element.
  package static func + (left: ReferenceTensor, right: ReferenceTensor) -> ReferenceTensor {
    combined(left, right, +)
  }

  /// The difference, element by element.
  package static func - (left: ReferenceTensor, right: ReferenceTensor) -> ReferenceTensor {
    combined(left, right, -)
  }

  /// Adds another tensor of the same shape.
  package static func += (left: inout ReferenceTensor, right: ReferenceTensor) { left = left + right }

  /// Every element times one factor.
  package static func * (factor: Double, tensor: ReferenceTensor) -> ReferenceTensor {
    tensor.map { factor * $0 }
  }

  private static func combined(
    _ left: ReferenceTensor, _ right: ReferenceTensor, _ operation: (Double, Double) -> Double
  ) -> ReferenceTensor {
    precondition(left.shape == right.shape, "shapes \(left.shape) and \(right.shape) differ")
    return ReferenceTensor(left.shape, zip(left.values, right.values).map { operation($0, $1) })
  }
}
