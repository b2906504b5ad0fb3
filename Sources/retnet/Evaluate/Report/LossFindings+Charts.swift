internal import Inference
internal import Reports

/// The three charts of a report. A band is one standard error to each side.
extension LossFindings {
  /// The loss by the position in the document.
  func positionChart(_ name: String) -> Chart {
    let training = training(upTo: positions.longest)
    let points = positions.bins.enumerated().compactMap { index, bin -> Point? in
      let range = PositionLosses.positions(index)
      let last = min(range.upperBound, positions.longest)
      // The middle of a bin on a logarithmic axis.
      return Point(step: (Double(range.lowerBound) * Double(last)).squareRoot(), bin)
    }
    return Chart(
      title: "Loss by position",
      subtitle: "\(name) · \(counted(positions.count, "token")) in \(counted(documents, "document"))",
      stepTitle: "position of the token in its document", lastStep: positions.longest, scale: .logarithmic(from: 1),
      [
        Chart.Panel(
          "loss, nats per token", share: 1, [Self.series(.first, "loss", points)], borders: training.borders,
          legend: training.legend)
      ])
  }

  /// The loss with limited context, and what is missing to that with the whole history.
  func horizonChart(_ name: String) -> Chart {
    let last = horizon.last?.context ?? 1
    let shown = halfLives.filter { $0 <= Double(last) }
    let hidden = halfLives.count - shown.count
    let legend =
      halfLives.isEmpty
      ? "no head forgets"
      : "┆ half-life of \(counted(shown.count, "head"))" + (hidden == 0 ? "" : ", \(hidden) beyond the axis")
    return Chart(
      title: "How far the model looks",
      subtitle: "\(name) · \(counted(horizon.first?.loss.count ?? 0, "sampled token"))",
      stepTitle: "tokens that the model sees", lastStep: last, scale: .logarithmic(from: 1),
      [
        Chart.Panel(
          "loss, nats per token", share: 0.5,
          [Self.series(.first, "loss", horizon.compactMap { Point(step: Double($0.context), adjustedLoss($0)) })],
          borders: shown, legend: legend),
        Chart.Panel(
          "above the loss of the same tokens with the whole history, nats", share: 0.5,
          [Self.series(.second, "excess", horizon.compactMap { Point(step: Double($0.context), $0.difference) })],
          borders: shown),
      ])
  }

  /// The loss of the same tokens with longer and longer contexts.
  func extrapolationChart(_ name: String) -> Chart {
    // The training length is not at the very edge.
    let first = min(extrapolation.first?.context ?? 1, trainingLength.map { max(1, $0.tokens - 1) } ?? .max)
    let last = extrapolation.last?.context ?? 2
    let training = training(upTo: last)
    let subtitle =
      extrapolation.isEmpty
      ? "no document is long enough"
      : "\(name) · the last \(grouped(extrapolation[0].loss.count)) scored tokens of document \(grouped(extrapolatedDocument))"
    return Chart(
      title: "Longer contexts", subtitle: subtitle, stepTitle: "tokens of context before the first of them",
      lastStep: last, scale: .logarithmic(from: powerOfTwo(atMost: first)),
      [
        Chart.Panel(
          "loss, nats per token", share: 0.5,
          [Self.series(.first, "loss", extrapolation.compactMap { Point(step: Double($0.context), $0.loss) })],
          borders: training.borders, legend: training.legend),
        Chart.Panel(
          "change from the shortest context, nats", share: 0.5,
          [Self.series(.second, "change", extrapolation.compactMap { Point(step: Double($0.context), $0.difference) })],
          borders: training.borders),
      ])
  }

  /// The mark of the training length on an axis.
  private func training(upTo last: Int) -> (borders: [Double], legend: String) {
    guard let trainingLength else { return ([], "training length unknown") }
    let words = "training length: \(trainingLength.words)"
    return trainingLength.tokens <= last
      ? ([Double(trainingLength.tokens)], "┆ " + words) : ([], words + ", beyond the axis")
  }

  private struct Point {
    let (step, value, error): (Double, Double, Double)

    /// A value without an error; nil for none.
    init?(step: Double, _ value: Double?) {
      guard let value else { return nil }
      (self.step, self.value, error) = (step, value, 0)
    }

    /// nil for the mean of nothing.
    init?(step: Double, _ loss: LossMean) {
      guard let mean = loss.mean else { return nil }
      (self.step, value, error) = (step, mean, loss.standardError ?? 0)
    }
  }

  private static func series(_ role: ChartStyle.Role, _ word: String, _ points: [Point]) -> Chart.Series {
    Chart.Series(
      role, points.last.map { "\(word) \(decimal($0.value, 3))" } ?? "",
      line: points.map { (step: $0.step, value: $0.value) },
      band: points.map { (step: $0.step, low: $0.value - $0.error, high: $0.value + $0.error) }, hasDots: true)
  }

  private func powerOfTwo(atMost number: Int) -> Int {
    number <= 1 ? 1 : 1 << (Int.bitWidth - 1 - number.leadingZeroBitCount)
  }
}
