internal import Glibc

/// A panel's position on the page, and the ranges of its axes.
struct ChartFrame {
  let x: ClosedRange<Double>
  let y: ClosedRange<Double>
  let steps: ClosedRange<Double>
  let values: ClosedRange<Double>
  /// Whether the axis of the steps is logarithmic; it then starts at 1 or above.
  let isLogarithmic: Bool

  func x(_ step: Double) -> Double {
    let share =
      isLogarithmic
      ? share(log2(max(step, 0.5)), of: log2(steps.lowerBound)...log2(steps.upperBound)) : share(step, of: steps)
    return x.lowerBound + share * (x.upperBound - x.lowerBound)
  }

  /// Larger values are higher up, while page coordinates grow downwards.
  func y(_ value: Double) -> Double { y.upperBound - share(value, of: values) * (y.upperBound - y.lowerBound) }

  /// Values far outside are moved to just outside, which takes fewer digits.
  private func share(_ number: Double, of range: ClosedRange<Double>) -> Double {
    min(2, max(-1, (number - range.lowerBound) / (range.upperBound - range.lowerBound)))
  }

  func point(_ step: Double, _ value: Double) -> String { "\(coordinate(x(step))) \(coordinate(y(value)))" }
}

extension Chart.Panel {
  /// More dots than this would look like a line.
  private static let mostDots = 80

  /// The lines of the panel, clipped at its edges; dots at an edge stay whole.
  func drawing(in frame: ChartFrame, clip: String) -> [String] {
    let (left, top) = (coordinate(frame.x.lowerBound), coordinate(frame.y.lowerBound))
    let width = coordinate(frame.x.upperBound - frame.x.lowerBound)
    let height = coordinate(frame.y.upperBound - frame.y.lowerBound)
    // A line along an edge is drawn with its full width.
    let window = frame.y.lowerBound - 1...frame.y.upperBound + 1
    let (windowTop, windowHeight) = (coordinate(window.lowerBound), coordinate(window.upperBound - window.lowerBound))
    var parts = [
      #"<clipPath id="\#(clip)">"#,
      #"<rect x="\#(left)" y="\#(windowTop)" width="\#(width)" height="\#(windowHeight)"/></clipPath>"#,
      #"<g clip-path="url(#\#(clip))">"#,
    ]
    func path(_ classes: String, _ data: String) { parts.append(#"<path class="\#(classes)" d="\#(data)"/>"#) }
    for step in borders {
      path("border mark", "M\(coordinate(frame.x(step))) \(top)v\(height)")
    }
    for series in series where !series.band.isEmpty {
      let outline =
        series.band.map { frame.point($0.step, $0.high) } + series.band.reversed().map { frame.point($0.step, $0.low) }
      path("band \(series.role.rawValue)", "M" + outline.joined(separator: "L") + "z")
    }
    for series in series where series.hasLine && !series.line.isEmpty {
      // A single value is drawn as a line of length zero, which shows as a dot.
      let points = series.line.map { frame.point($0.step, $0.value) }
      path("line \(series.role.rawValue)", "M" + points.joined(separator: "L") + (points.count == 1 ? "h0" : ""))
    }
    parts.append("</g>")
    for series in series where series.hasDots && series.line.count <= Self.mostDots {
      for (step, value) in series.line where frame.values ~= value {
        parts.append(
          #"<circle class="dot \#(series.role.rawValue)" cx="\#(coordinate(frame.x(step)))" "#
            + #"cy="\#(coordinate(frame.y(value)))" r="3.5"/>"#)
      }
    }
    if !crosses.isEmpty {
      let y = coordinate(frame.y.lowerBound + 4)
      path("cross mark", crosses.map { "M\(coordinate(frame.x($0) - 3)) \(y)l6 6m0-6l-6 6" }.joined())
    }
    return parts
  }

  /// The labels of the lines at the height of their ends, moved apart where they would overlap.
  func labels(in frame: ChartFrame) -> [(text: String, y: Double, role: ChartStyle.Role)] {
    let distance = 18.0
    var labels = series.filter { !$0.line.isEmpty && !$0.label.isEmpty }.map { series in
      let end = frame.y(series.line.last?.value ?? 0)
      return (text: series.label, y: min(max(end, frame.y.lowerBound), frame.y.upperBound) + 4, role: series.role)
    }.sorted { $0.y < $1.y }
    for index in labels.indices.dropFirst() { labels[index].y = max(labels[index].y, labels[index - 1].y + distance) }
    let excess = max(0, (labels.last?.y ?? 0) - frame.y.upperBound - 4)
    for index in labels.indices.reversed() where excess > 0 {
      let below = index + 1 < labels.count ? labels[index + 1].y - distance : frame.y.upperBound + 4
      labels[index].y = min(labels[index].y, below)
    }
    return labels
  }
}
