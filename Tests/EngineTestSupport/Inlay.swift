package import Tensors
package import TestSupport

/// A matrix inside a wider tensor of NaN: reading beside it spoils the result, writing beside it shows.
package struct Inlay {
  package let matrix: Matrix
  private let surroundings: Tensor
  private let columns: Int
  private static let left = 3
  private static let right = 2

  /// Lays out the reference's rows with a stride.
  ///
  /// - Parameter reference: [R, C].
  package init(_ reference: ReferenceTensor) {
    let (rows, columns) = (reference.shape[0], reference.shape[1])
    surroundings = .poison(Shape(rows, Self.left + columns + Self.right))
    self.columns = columns
    matrix = Matrix(surroundings).columns(Self.left..<Self.left + columns)
    for row in 0..<rows {
      for column in 0..<columns { surroundings[place(row, column)] = Float(reference[row, column]) }
    }
  }

  /// NaN everywhere.
  package init(poison rows: Int, _ columns: Int) {
    self.init(ReferenceTensor([rows, columns], repeating: .nan))
  }

  /// What the matrix holds now [R, C].
  package var values: ReferenceTensor {
    var result = ReferenceTensor([surroundings.shape[0], columns])
    for row in 0..<surroundings.shape[0] {
      for column in 0..<columns { result[row, column] = Double(surroundings[place(row, column)]) }
    }
    return result
  }

  /// Whether nothing was written beside the matrix.
  package var isBorderIntact: Bool {
    (0..<surroundings.count).allSatisfy { index in
      let column = index % surroundings.shape[1] - Self.left
      return column >= 0 && column < columns || surroundings[index].isNaN
    }
  }

  private func place(_ row: Int, _ column: Int) -> Int { row * surroundings.shape[1] + Self.left + column }
}
