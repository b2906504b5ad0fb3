/// The extents of a tensor, one to four axes, stored inline so that making a shape never allocates.
package struct Shape: Equatable, Sendable, CustomStringConvertible {
  package let rank: Int
  private let a: Int
  private let b: Int
  private let c: Int
  private let d: Int

  package init(_ a: Int) { self.init(rank: 1, a, 1, 1, 1) }
  package init(_ a: Int, _ b: Int) { self.init(rank: 2, a, b, 1, 1) }
  package init(_ a: Int, _ b: Int, _ c: Int) { self.init(rank: 3, a, b, c, 1) }
  package init(_ a: Int, _ b: Int, _ c: Int, _ d: Int) { self.init(rank: 4, a, b, c, d) }

  private init(rank: Int, _ a: Int, _ b: Int, _ c: Int, _ d: Int) {
    precondition(a >= 0 && b >= 0 && c >= 0 && d >= 0, "Shape: an extent is negative")
    self.rank = rank
    self.a = a
    self.b = b
    self.c = c
    self.d = d
  }

  /// A shape from a list of extents, such as a file's.
  ///
  /// nil unless there are one to four extents, none is negative, and the element count fits an Int.
  package init?(_ extents: [Int]) {
    var count = 1
    for extent in extents {
      let (product, overflows) = count.multipliedReportingOverflow(by: extent)
      guard extent >= 0, !overflows else { return nil }
      count = product
    }
    switch extents.count {
    case 1: self.init(extents[0])
    case 2: self.init(extents[0], extents[1])
    case 3: self.init(extents[0], extents[1], extents[2])
    case 4: self.init(extents[0], extents[1], extents[2], extents[3])
    default: return nil
    }
  }

  package subscript(_ axis: Int) -> Int {
    precondition(axis >= 0 && axis < rank, "Shape: axis \(axis) of \(self)")
    switch axis {
    case 0: return a
    case 1: return b
    case 2: return c
    default: return d
    }
  }

  /// Number of elements.
  package var count: Int { a * b * c * d }

  /// The extent of the last axis.
  package var last: Int { self[rank - 1] }

  package var extents: [Int] { (0..<rank).map { self[$0] } }

  package var description: String { "\(extents)" }
}

/// Checks a documented shape; fails with both shapes and the tensor's name.
@inline(__always)
package func checkShape(
  _ tensor: Tensor, _ expected: Shape, _ name: StaticString, in operation: StaticString = #function
) {
  precondition(tensor.shape == expected, "\(operation): \(name) is \(tensor.shape), expected \(expected)")
}
