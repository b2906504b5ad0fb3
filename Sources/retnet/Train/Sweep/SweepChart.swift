internal import Glibc
internal import Reports

/// The picture of a sweep: the validation loss against the values of one key.
package struct SweepChart {
  private let results: SweepResults
  private let key: Int

  /// - Parameters:
  ///   - results: The results so far.
  ///   - key: The index of the key.
  package init(_ results: SweepResults, key: Int) { (self.results, self.key) = (results, key) }

  /// The different values of the key: numbers in their order, others as given.
  private var values: [SweepValue] {
    let found = results.rows.map { $0.values[key] }
    let different = found.enumerated().filter { !found[..<$0.offset].contains($0.element) }.map(\.element)
    return different.allSatisfy { $0.number != nil }
      ? different.sorted { ($0.number ?? 0) < ($1.number ?? 0) } : different
  }

  /// Whether the values are numbers that span more than a decade.
  private func isLogarithmic(_ values: [SweepValue]) -> Bool {
    let numbers = values.compactMap(\.number)
    guard numbers.count == values.count, let least = numbers.first, let most = numbers.last else { return false }
    return least > 0 && most > 10 * least
  }

  /// Where each value stands on the axis: numbers at their place, others one after the other.
  private func positions(_ values: [SweepValue]) -> [Double] {
    let isLogarithmic = isLogarithmic(values)
    let areNumbers = values.allSatisfy { $0.number != nil }
    return values.enumerated().map { index, value in
      guard areNumbers, let number = value.number else { return Double(index) }
      return isLogarithmic ? log10(number) : number
    }
  }

  /// The picture as an SVG document: a dot for each run, and a line through the lowest mean that each value has with
  /// any values of the other keys, with a band of one standard deviation over the seeds to each side.
  ///
  /// - Parameter name: The name of the sweep.
  /// - Returns: The document; equal results give equal bytes.
  package func svg(name: String) -> String {
    let values = values
    let positions = positions(values)
    var line: [(step: Double, value: Double)] = []
    var band: [(step: Double, low: Double, high: Double)] = []
    var dots: [(step: Double, value: Double)] = []
    var crosses: [Double] = []
    for (value, position) in zip(values, positions) {
      let rows = results.rows.filter { $0.values[key] == value }
      dots += rows.flatMap(\.figures).compactMap(\.bitsPerByte).map { (position, $0) }
      if rows.contains(where: { $0.outcomes.contains(where: \.isFailed) }) { crosses.append(position) }
      let means = rows.filter(\.counts).compactMap { row in row.mean(\.bitsPerByte).map { (row, $0) } }
      guard let (best, mean) = means.min(by: { $0.1 < $1.1 }) else { continue }
      line.append((position, mean))
      if let spread = best.spread(\.bitsPerByte) { band.append((position, mean - spread, mean + spread)) }
    }
    let others = results.names.enumerated().filter { $0.offset != key }.map(\.element)
    var facts = [others.isEmpty ? "a dot for each run" : "the line: the best of \(others.joined(separator: ", "))"]
    if !band.isEmpty { facts.append("the band: ± one standard deviation over the seeds") }
    if let best = results.best, let mean = results.rows[best].mean(\.bitsPerByte) {
      facts.append("best: \(results.rows[best].values[key].text), \(decimal(mean, 4))")
    }
    let axis = results.names[key] + (isLogarithmic(values) ? ", logarithmic" : "")
    return Chart(
      title: "\(name): \(results.names[key])", subtitle: facts.joined(separator: " · "), stepTitle: axis,
      marks: zip(positions, values).map { Chart.Mark(position: $0, label: $1.text) },
      [
        Chart.Panel(
          "bits per byte of the validation text", share: 1,
          [
            Chart.Series(.axis, "", line: dots, hasDots: true, hasLine: false),
            Chart.Series(
              .first, line.last.map { decimal($0.value, 3) } ?? "", line: line, band: band.count > 1 ? band : [],
              hasDots: true),
          ], crosses: crosses, legend: crosses.isEmpty ? "" : "× a run failed")
      ]
    ).svg
  }
}
