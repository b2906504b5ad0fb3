/// A chart of curves over the steps of a run, with panels one above the other.
package struct Chart: Sendable {
  /// A line with its label, band and dots.
  package struct Series: Sendable {
    package let role: ChartStyle.Role
    /// The text at the line's end.
    package let label: String
    package let line: [(step: Double, value: Double)]
    /// The band around the line.
    package let band: [(step: Double, low: Double, high: Double)]
    /// Whether each value is marked by a dot.
    package let hasDots: Bool
    /// Whether a line joins the values.
    package let hasLine: Bool

    package init(
      _ role: ChartStyle.Role, _ label: String, line: [(step: Double, value: Double)],
      band: [(step: Double, low: Double, high: Double)] = [], hasDots: Bool = false, hasLine: Bool = true
    ) {
      (self.role, self.label, self.line, self.band) = (role, label, line, band)
      (self.hasDots, self.hasLine) = (hasDots, hasLine)
    }
  }

  /// A panel: curves that share a unit.
  package struct Panel: Sendable {
    /// The quantity on the axis, with its unit.
    package let title: String
    /// The panel's share of the total height.
    package let share: Double
    package let series: [Series]
    package let startsAtZero: Bool
    /// Values up to this one are always shown, however far they are from the others.
    package let leastTop: Double
    /// Steps marked by a cross at the upper edge.
    package let crosses: [Double]
    /// Steps marked by a vertical line.
    package let borders: [Double]
    /// The meaning of crosses and vertical lines.
    package let legend: String

    package init(
      _ title: String, share: Double, _ series: [Series], startsAtZero: Bool = false, leastTop: Double = .infinity,
      crosses: [Double] = [], borders: [Double] = [], legend: String = ""
    ) {
      (self.title, self.share, self.series, self.startsAtZero) = (title, share, series, startsAtZero)
      (self.leastTop, self.crosses, self.borders, self.legend) = (leastTop, crosses, borders, legend)
    }
  }

  /// How steps are spread along their axis.
  package enum StepScale: Equatable, Sendable {
    /// Evenly, from 0.
    case linear
    /// Doubling by doubling, from a first step ≥ 1.
    case logarithmic(from: Int)
    /// Evenly, around the marks, which are the only ticks.
    case marked([Mark])
  }

  /// A tick at a place of its own.
  package struct Mark: Equatable, Sendable {
    package let position: Double
    package let label: String

    package init(position: Double, label: String) { (self.position, self.label) = (position, label) }
  }

  package let title: String
  package let subtitle: String
  /// The title of the shared step axis.
  package let stepTitle: String
  /// The end of the step axis.
  package let lastStep: Int
  package let scale: StepScale
  package let panels: [Panel]

  package init(
    title: String, subtitle: String, stepTitle: String, lastStep: Int, scale: StepScale = .linear, _ panels: [Panel]
  ) {
    (self.title, self.subtitle, self.stepTitle) = (title, subtitle, stepTitle)
    (self.lastStep, self.scale, self.panels) = (lastStep, scale, panels)
  }

  /// A chart over other values than steps, with a tick at each of them.
  package init(title: String, subtitle: String, stepTitle: String, marks: [Mark], _ panels: [Panel]) {
    self.init(
      title: title, subtitle: subtitle, stepTitle: stepTitle, lastStep: 0, scale: .marked(marks), panels)
  }
}

extension Chart.Panel {
  /// The range of values to show, and the highest value if it is cut off.
  ///
  /// Values above `leastTop` that are ten times as far up as 95 % of the values are cut off: they would flatten the
  /// rest.
  var visible: (range: ClosedRange<Double>, cutOff: Double?) {
    let lines = series.flatMap { $0.line.map(\.value) }
    let bands = series.flatMap(\.band)
    let highs = (lines + bands.map(\.high)).sorted()
    guard let highest = highs.last else { return (0...1, nil) }
    let low = startsAtZero ? min(0, highest) : (lines + bands.map(\.low)).reduce(highest, min)
    let usual = highs[(highs.count - 1) * 19 / 20] - low
    let limit = max(leastTop, low + 10 * usual)
    let top = highs.last { $0 <= limit } ?? highest
    return (low...(startsAtZero && top <= low ? low + 1 : top), top < highest ? highest : nil)
  }
}
