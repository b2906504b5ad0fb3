internal import Reports

/// Draws `loss.svg` from the rows of `metrics.jsonl`.
///
/// The chart depends only on the rows, so a resumed run gives the same chart as an uninterrupted one. Its memory is
/// bounded, however long the run is.
package struct LossChart: Sendable {
  private var training = Curve()
  private var validation = Curve()
  private var learningRate = Curve()
  private var skipped = Curve()
  private var rewinds = Curve()
  private var (skippedCount, rewindCount) = (0, 0)
  private var (step, furthestStep) = (0, 0)
  private var (lastRate, lastValidation) = (0.0, 0.0)
  private var best: (step: Int, bitsPerByte: Double)?

  package init() {}

  /// Whether there is nothing to show.
  package var isEmpty: Bool { step == 0 }

  /// Adds the next row.
  package mutating func take(_ row: MetricsRow) {
    guard let step = row.step, step >= 0 else { return }
    if let rewindStep = row.rewindStep { return goBack(to: rewindStep) }
    self.step = max(self.step, step)
    furthestStep = max(furthestStep, step)
    if let loss = row.numbers["loss"] {
      if row.isSkipped || !loss.isFinite {
        skipped.append(step: step, 1)
        skippedCount += 1
      } else {
        training.append(step: step, loss)
      }
    }
    if let rate = row.numbers["learning_rate"], rate.isFinite {
      learningRate.append(step: step, rate)
      lastRate = rate
    }
    if let loss = row.numbers["validation_loss"], loss.isFinite {
      validation.append(step: step, loss)
      lastValidation = loss
    }
    if let score = row.numbers["bits_per_byte"], score < best?.bitsPerByte ?? .infinity { best = (step, score) }
  }

  private mutating func goBack(to step: Int) {
    self.step = step
    rewindCount += 1
    rewinds.append(step: step, 1)
    training.remove(after: step)
    validation.remove(after: step)
    learningRate.remove(after: step)
  }

  /// The chart as an SVG document.
  ///
  /// - Parameters:
  ///   - name: The name of the run.
  ///   - steps: The number of steps of the whole run.
  /// - Returns: At most 200 kB.
  package func svg(name: String, steps: Int) -> String {
    let smoothed = training.smoothed
    let lines = zip(training.buckets, smoothed).map { (step: $0.step, value: $1) }
    let band = training.buckets.map { (step: $0.step, low: $0.lowest, high: $0.highest) }
    let evaluations = validation.buckets.map { (step: $0.step, value: $0.mean) }
    // Learning rates are small: the axis has the power of ten of the highest one as its unit.
    let highestRate = learningRate.buckets.reduce(0) { max($0, $1.highest) }
    let exponent = highestRate > 0 ? decimalExponent(highestRate) : 0
    let rates = learningRate.buckets.map { (step: $0.step, value: $0.mean / powerOfTen(exponent)) }
    var facts = ["step \(decimal(Double(step), 0)) of \(decimal(Double(steps), 0))"]
    if let loss = smoothed.last { facts.append("training loss \(decimal(loss, 3))") }
    if !evaluations.isEmpty { facts.append("validation loss \(decimal(lastValidation, 3))") }
    if let best {
      facts.append("best: \(decimal(best.bitsPerByte, 4)) bits per byte at step \(decimal(Double(best.step), 0))")
    }
    return Chart(
      title: name, subtitle: facts.joined(separator: " · "), stepTitle: "step", lastStep: furthestStep,
      [
        Chart.Panel(
          "loss, nats per token", share: 0.78,
          [
            Chart.Series(.first, smoothed.last.map { "training \(decimal($0, 3))" } ?? "", line: lines, band: band),
            Chart.Series(.second, "validation \(decimal(lastValidation, 3))", line: evaluations, hasDots: true),
          ], leastTop: Self.largestUntrainedLoss, crosses: skipped.buckets.map(\.step),
          borders: rewinds.buckets.map(\.step), legend: legend),
        Chart.Panel(
          "learning rate" + (exponent == 0 ? "" : ", " + superscriptPowerOfTen(exponent)), share: 0.22,
          [Chart.Series(.third, Self.short(lastRate), line: rates)], startsAtZero: true),
      ]
    ).svg
  }

  /// The loss of an untrained model with the largest vocabulary: the logarithm of 2^20.
  private static let largestUntrainedLoss = 13.9

  private var legend: String {
    [
      (skippedCount, "× skipped steps"), (rewindCount, "┆ returns to a checkpoint"),
    ].filter { $0.0 > 0 }.map { count, what in "\(what): \(count)" }.joined(separator: " · ")
  }

  /// A learning rate with two digits: `2.0 · 10⁻³`.
  private static func short(_ rate: Double) -> String {
    guard rate > 0 else { return "rate 0" }
    let exponent = decimalExponent(rate)
    return "rate \(decimal(rate / powerOfTen(exponent), 1)) · \(superscriptPowerOfTen(exponent))"
  }
}
