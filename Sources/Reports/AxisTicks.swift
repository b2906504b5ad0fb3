/// Tick positions along a chart axis: multiples of 1, 2 or 5 times a power of ten, or powers of two.
package struct AxisTicks: Sendable {
  /// The ticks in units of 10 to the power of `exponent`.
  private let multiples: [Int]
  private let exponent: Int

  /// - Parameters:
  ///   - range: The range to show.
  ///   - count: The maximum number of steps between ticks, ≥ 1.
  ///   - isRoundedOut: Whether the ticks enclose the range; otherwise all ticks lie within it.
  package init(_ range: ClosedRange<Double>, atMost count: Int, isRoundedOut: Bool) {
    // Ticks of a range that is very narrow relative to its numbers could not be told apart.
    let magnitude = max(range.lowerBound.magnitude, range.upperBound.magnitude)
    let span = max(range.upperBound - range.lowerBound, magnitude * 1e-3, 1e-9)
    var (unit, exponent) = (1, decimalExponent(span / Double(count)))
    while powerOfTen(exponent) * Double(unit) * Double(count) < span {
      (unit, exponent) = unit == 1 ? (2, exponent) : unit == 2 ? (5, exponent) : (1, exponent + 1)
    }
    // A tick at the end of the range counts in spite of rounding errors.
    let tolerance = isRoundedOut ? -1e-9 : 1e-9
    let low = range.lowerBound / powerOfTen(exponent) / Double(unit) - tolerance
    let high = (range.lowerBound + span) / powerOfTen(exponent) / Double(unit) + tolerance
    let first = Int(low.rounded(isRoundedOut ? .down : .up))
    let last = Int(high.rounded(isRoundedOut ? .up : .down))
    self.exponent = exponent
    multiples = (first...max(first, last)).map { $0 * unit }
  }

  /// Ticks at powers of two, for a logarithmic axis: every one, every second one, and so on.
  ///
  /// - Parameters:
  ///   - range: The range to show; starts at 1 or above.
  ///   - count: The maximum number of ticks, ≥ 1.
  package init(powersOfTwoIn range: ClosedRange<Double>, atMost count: Int) {
    let powers = (0..<Int.bitWidth - 1).map { 1 << $0 }.filter { range.contains(Double($0)) }
    let stride = max(1, (powers.count + count - 1) / count)
    multiples = powers.enumerated().filter { $0.offset.isMultiple(of: stride) }.map(\.element)
    exponent = 0
  }

  /// The positions of the ticks.
  package var values: [Double] { multiples.map { Double($0) * powerOfTen(exponent) } }

  /// The labels of the ticks: `0.25`, `1,500`, `3e20`.
  package var labels: [String] {
    multiples.map { multiple in
      guard exponent <= 9 else { return multiple == 0 ? "0" : "\(multiple)e\(exponent)" }
      return decimal(Double(multiple) * powerOfTen(exponent), max(0, -exponent))
    }
  }
}

/// The largest e with 10^e ≤ a number > 0.
package func decimalExponent(_ number: Double) -> Int {
  var exponent = 0
  while powerOfTen(exponent + 1) <= number { exponent += 1 }
  while powerOfTen(exponent) > number { exponent -= 1 }
  return exponent
}

/// 10^e; exact up to 10^22.
package func powerOfTen(_ exponent: Int) -> Double {
  let power = (0..<min(exponent.magnitude, 320)).reduce(1.0) { power, _ in power * 10 }
  return exponent < 0 ? 1 / power : power
}
