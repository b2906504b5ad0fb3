internal import Modeling

/// The difference of two states of the same shape.
package struct StateDifference {
  /// For each layer, rms(a − b) / rms(b) over everything that it stores; 0 if both are equal.
  package let layers: [Double]
  package let positions: (Int, Int)
  /// Whether they have read the same tokens.
  package let isSameText: Bool

  /// - Throws: `StateFileError.shapes` if their shapes differ; the errors of `StateFile.load`.
  package init(_ a: StateFile, _ b: StateFile) throws {
    let (first, second) = (try a.load().progress.point, try b.load().progress.point)
    guard a.layers == b.layers else {
      throw StateFileError.shapes(path: b.path, other: a.path)
    }
    positions = (first.state.position, second.state.position)
    isSameText = first.digest == second.digest
    layers = zip(first.state.layers, second.state.layers).map { one, other in
      var (difference, size) = (0.0, 0.0)
      for (x, y) in zip(one.values, other.values) {
        difference += (x - y) * (x - y)
        size += y * y
      }
      return difference == 0 ? 0 : (difference / size).squareRoot()
    }
  }
}
