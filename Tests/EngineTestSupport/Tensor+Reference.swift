package import Tensors
package import TestSupport
package import Testing

extension Tensor {
  /// The reference's numbers, each rounded once to Float32, under its shape of one to four axes.
  package init(_ reference: ReferenceTensor) {
    guard let shape = Shape(reference.shape) else { preconditionFailure("Tensor: shape \(reference.shape)") }
    self.init(shape, reference.floats)
  }

  /// A tensor of NaN, to see that every number is written before it is read.
  package static func poison(_ shape: Shape) -> Tensor {
    let tensor = Tensor(shape)
    tensor.fill(.nan)
    return tensor
  }

  /// The same numbers for the reference; exact.
  package var reference: ReferenceTensor { ReferenceTensor(shape.extents, floats: values) }

  /// The numbers as bits, for results that must not differ in any.
  package var bits: [UInt32] { values.map(\.bitPattern) }
}

extension ReferenceTensor {
  /// The rows of a matrix as columns.
  package var transposed: ReferenceTensor {
    let (rows, columns) = (shape[0], shape[1])
    var result = ReferenceTensor([columns, rows])
    for row in 0..<rows {
      for column in 0..<columns { result.values[column * rows + row] = values[row * columns + column] }
    }
    return result
  }
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
  _ found: Tensor, _ expected: ReferenceTensor, ratio: Double, _ name: String = "tensor",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  expectClose(
    found.values, shape: found.shape.extents, expected, ratio: ratio, name, sourceLocation: sourceLocation)
}

/// Compares as `expectClose` does, and ends the test at the first failure: for loops over thousands of cases.
///
/// - Parameters:
///   - found: The values of the operation under test.
///   - expected: As many reference values.
///   - ratio: The largest allowed `rmsRatio`.
///   - name: What is compared, for the message.
/// - Throws: `NotClose`, when they are not.
package func requireClose(
  _ found: [some BinaryFloatingPoint], _ expected: ReferenceTensor, ratio: Double, _ name: String
) throws {
  if let failure = closenessFailure(found.map { Double($0) }, shape: expected.shape, expected, ratio: ratio) {
    throw NotClose(description: "\(name): \(failure)")
  }
}

/// Where an operation and the reference differ.
package struct NotClose: Error, CustomStringConvertible {
  package let description: String
}
