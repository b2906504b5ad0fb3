import TestSupport

// How sensitive a result is: how far exact arithmetic moves it when the last digit of the Float32 weights is another.

extension ReferenceRetNet {
  /// Copies with every weight off by up to 2^-24 of itself, uniformly: as much as rounding to Float32 may move it.
  func shifted(copies: Int) -> [ReferenceRetNet] {
    (0..<copies).map { seed in
      var generator = SeededGenerator(seed: UInt64(seed))
      var copy = self
      for (name, _) in Self.parameterShapes(of: configuration) {
        copy.parameters[name] = parameters[name]?.map { $0 * (1 + 0x1p-24 * (2 * generator.nextUniform() - 1)) }
      }
      return copy
    }
  }
}

/// The root of the mean square: of distances with any sign, their scale.
func rootMeanSquare(_ distances: [Double]) -> Double {
  (distances.reduce(0) { $0 + $1 * $1 } / Double(distances.count)).squareRoot()
}
