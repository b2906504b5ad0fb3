/// The colours of a chart in light and dark mode.
package enum ChartStyle {
  /// The parts of a chart that have a colour.
  package enum Role: String, CaseIterable, Sendable {
    case background, text
    /// Axes and their labels.
    case axis
    case grid
    /// The lines, in the order of their series, with their labels.
    case first, second, third
    /// Marks of errors.
    case mark
  }

  /// The colour of a role as red, green and blue, `#rrggbb`.
  ///
  /// Lines differ in lightness or between blue and orange, so that they can be told apart with colour blindness. Text
  /// has a contrast of at least 4.5 to the background, as WCAG 2.2 requires in 1.4.3 (a test computes it).
  package static func color(_ role: Role, isDark: Bool) -> String {
    switch role {
    case .background: isDark ? "#0d1117" : "#ffffff"
    case .text: isDark ? "#e6edf3" : "#1f2328"
    case .axis: isDark ? "#9198a1" : "#59636e"
    case .grid: isDark ? "#262c36" : "#e6eaef"
    case .first: isDark ? "#58a6ff" : "#0969da"
    case .second: isDark ? "#f0883e" : "#bc4c00"
    case .third: isDark ? "#3fb950" : "#1a7f37"
    case .mark: isDark ? "#ff7b72" : "#cf222e"
    }
  }

  private static func colors(isDark: Bool) -> String {
    Role.allCases.map { ".\($0.rawValue){color:\(color($0, isDark: isDark))}" }.joined()
  }

  /// The style sheet: each element has the colour of its role, and dark mode changes only colours.
  package static let sheet = """
    text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:currentColor;\
    font-variant-numeric:tabular-nums}
    .title{font-size:17px;font-weight:600}.note{font-size:13px}.label{font-size:13px;font-weight:600}
    .background,.dot{fill:currentColor}.rule{stroke:currentColor;stroke-width:1}
    .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
    .band{fill:currentColor;fill-opacity:.22;stroke:currentColor;stroke-opacity:.35;stroke-width:1;stroke-linejoin:round}
    .cross{fill:none;stroke:currentColor;stroke-width:1.5}.border{stroke:currentColor;stroke-dasharray:4 4}
    \(colors(isDark: false))
    @media (prefers-color-scheme:dark){\(colors(isDark: true))}
    """
}
