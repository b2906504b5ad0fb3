/// Draws a chart as an SVG document.
extension Chart {
  /// The page layout, in units of about a pixel.
  private enum Page {
    static let (width, height) = (880.0, 520.0)
    /// Tick labels are left of the panels, line labels right of them.
    static let (left, right) = (60.0, 735.0)
    static let (titleY, subtitleY) = (34.0, 57.0)
    static let (panelsTop, panelsBottom) = (66.0, 474.0)
    /// The space above each panel, for its title.
    static let gap = 40.0
    static let textGap = 10.0
    /// Characters of a tick's label.
    static let longestLabel = 24
  }

  /// The chart as an SVG document; equal charts give equal bytes.
  package var svg: String { svg(style: ["<style>\n\(ChartStyle.sheet)\n</style>"], idPrefix: "") }

  /// The chart as an SVG element of a web page with `ChartStyle.sheet`.
  ///
  /// - Parameter name: A word that no other chart of the page has.
  /// - Returns: The element, without a style sheet.
  package func element(_ name: String) -> String { svg(style: [], idPrefix: name + "-") }

  private func svg(style: [String], idPrefix: String) -> String {
    let (title, subtitle) = (title.forXML(atMost: 60), subtitle.forXML(atMost: 140))
    let (width, height) = (coordinate(Page.width), coordinate(Page.height))
    var parts = [
      #"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \#(width) \#(height)" width="\#(width)" height="\#(height)" role="img">"#,
      "<title>\(title)</title><desc>\(subtitle)</desc>",
    ]
    parts += style
    parts += [
      #"<rect class="background" width="\#(width)" height="\#(height)"/>"#,
      text(title, Page.left, Page.titleY, "title text"), text(subtitle, Page.left, Page.subtitleY, "note axis"),
    ]
    let steps = stepTicks
    let room = Page.panelsBottom - Page.panelsTop - Page.gap * Double(panels.count)
    var top = Page.panelsTop
    for (index, panel) in panels.enumerated() {
      let height = room * panel.share / panels.reduce(0) { $0 + $1.share }
      let (range, cutOff) = panel.visible
      // A tick for about every fifty units, but at least three.
      let ticks = AxisTicks(range, atMost: max(3, Int(height / 45)), isRoundedOut: true)
      let frame = frame(
        y: top + Page.gap...top + Page.gap + height, values: (ticks.values.first ?? 0)...(ticks.values.last ?? 1))
      parts.append(text(panel.title, Page.left, frame.y.lowerBound - Page.textGap, "axis"))
      let notes = [
        panel.legend, cutOff.map { "values up to \(decimal($0, 1)) cut off" } ?? "",
      ].filter { !$0.isEmpty }.joined(separator: " · ")
      if !notes.isEmpty {
        parts.append(text(notes, Page.right, frame.y.lowerBound - Page.textGap, "mark", anchor: "end"))
      }
      parts += axes(frame, ticks, steps)
      parts += panel.drawing(in: frame, clip: "\(idPrefix)panel\(index)")
      for label in panel.labels(in: frame) {
        parts.append(text(label.text, Page.right + Page.textGap, label.y, "label \(label.role.rawValue)"))
      }
      top = frame.y.upperBound
    }
    var end = -Double.infinity
    for mark in steps {
      let x = frame(y: 0...1, values: 0...1).x(mark.position)
      // About the width of the label. One that would touch the label before it is left out.
      let half = 3.5 * Double(min(mark.label.count, Page.longestLabel))
      if isMarked, x - half <= end { continue }
      end = x + half
      parts.append(text(mark.label.forXML(atMost: Page.longestLabel), x, top + 18, "axis", anchor: "middle"))
    }
    parts.append(text(stepTitle, (Page.left + Page.right) / 2, top + 37, "axis", anchor: "middle"))
    return (parts + ["</svg>", ""]).joined(separator: "\n")
  }

  private var stepRange: ClosedRange<Double> {
    switch scale {
    case .linear: 0...Double(max(1, lastStep))
    case .logarithmic(let first): Double(first)...Double(max(2 * first, lastStep))
    case .marked(let marks): Self.range(around: marks.map(\.position))
    }
  }

  /// The range of some positions, with room for a dot at both ends.
  private static func range(around positions: [Double]) -> ClosedRange<Double> {
    let (low, high) = (positions.min() ?? 0, positions.max() ?? 0)
    let room = high > low ? (high - low) / 16 : max(0.5, abs(high) / 16)
    return low - room...high + room
  }

  private var stepTicks: [Mark] {
    let ticks: AxisTicks
    switch scale {
    // There are no fractional steps.
    case .linear: ticks = AxisTicks(stepRange, atMost: min(8, max(1, lastStep)), isRoundedOut: false)
    case .logarithmic: ticks = AxisTicks(powersOfTwoIn: stepRange, atMost: 14)
    case .marked(let marks): return marks
    }
    return zip(ticks.values, ticks.labels).map { Mark(position: $0, label: $1) }
  }

  private var isMarked: Bool {
    if case .marked = scale { true } else { false }
  }

  private var isLogarithmic: Bool {
    if case .logarithmic = scale { true } else { false }
  }

  private func frame(y: ClosedRange<Double>, values: ClosedRange<Double>) -> ChartFrame {
    ChartFrame(
      x: Page.left...Page.right, y: y, steps: stepRange, values: values, isLogarithmic: isLogarithmic)
  }

  private func axes(_ frame: ChartFrame, _ ticks: AxisTicks, _ steps: [Mark]) -> [String] {
    var parts: [String] = []
    for mark in steps where mark.position > frame.steps.lowerBound {
      let x = frame.x(mark.position)
      parts.append(rule(x, frame.y.lowerBound, x, frame.y.upperBound, "grid"))
    }
    for (value, label) in zip(ticks.values, ticks.labels) {
      let y = frame.y(value)
      let isBottom = value == frame.values.lowerBound
      parts.append(rule(frame.x.lowerBound, y, frame.x.upperBound, y, isBottom ? "axis" : "grid"))
      parts.append(text(label, frame.x.lowerBound - 8, y + 4, "axis", anchor: "end"))
    }
    return parts
  }

  private func rule(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ role: String) -> String {
    #"<path class="rule \#(role)" d="M\#(coordinate(x1)) \#(coordinate(y1))L\#(coordinate(x2)) \#(coordinate(y2))"/>"#
  }

  private func text(_ text: String, _ x: Double, _ y: Double, _ classes: String, anchor: String = "start") -> String {
    #"<text class="\#(classes)" x="\#(coordinate(x))" y="\#(coordinate(y))" text-anchor="\#(anchor)">\#(text)</text>"#
  }
}
