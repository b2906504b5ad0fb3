/// Curves over the steps of a run, one panel above the other.
package struct Chart: Sendable {
  /// A line with what belongs to it.
  package struct Series: Sendable {
    package let role: ChartStyle.Role
    /// Written at the line's end.
    package let label: String
    package let line: [(step: Double, value: Double)]
    /// What the line is the middle of.
    package let band: [(step: Double, low: Double, high: Double)]
    /// Whether each value gets a dot.
    package let hasDots: Bool

    package init(
      _ role: ChartStyle.Role, _ label: String, line: [(step: Double, value: Double)],
      band: [(step: Double, low: Double, high: Double)] = [], hasDots: Bool = false
    ) {
      (self.role, self.label, self.line, self.band, self.hasDots) = (role, label, line, band, hasDots)
    }
  }

  /// Curves of the same unit.
  package struct Panel: Sendable {
    /// What the axis measures, and in which unit.
    package let title: String
    /// The share of the height that panels have.
    package let share: Double
    package let series: [Series]
    package let startsAtZero: Bool
    /// Values up to here are shown however far they are from the others.
    package let leastTop: Double
    /// Steps with a cross at the upper edge.
    package let crosses: [Double]
    /// Steps with a line from top to bottom.
    package let borders: [Double]
    /// What crosses and borders mean.
    package let legend: String

    package init(
      _ title: String, share: Double, _ series: [Series], startsAtZero: Bool = false, leastTop: Double = .infinity,
      crosses: [Double] = [], borders: [Double] = [], legend: String = ""
    ) {
      (self.title, self.share, self.series, self.startsAtZero) = (title, share, series, startsAtZero)
      (self.leastTop, self.crosses, self.borders, self.legend) = (leastTop, crosses, borders, legend)
    }
  }

  package let title: String
  package let subtitle: String
  /// What the shared axis counts.
  package let stepTitle: String
  /// Where it ends.
  package let lastStep: Int
  package let panels: [Panel]

  package init(title: String, subtitle: String, stepTitle: String, lastStep: Int, _ panels: [Panel]) {
    (self.title, self.subtitle, self.stepTitle) = (title, subtitle, stepTitle)
    (self.lastStep, self.panels) = (lastStep, panels)
  }
}

extension Chart.Panel {
  /// The values to show, and the highest one if it is cut off.
  ///
  /// Values above `leastTop` that are ten times as far up as nineteen of twenty would press the rest flat.
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
