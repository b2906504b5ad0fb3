import Glibc
import Reports
import Testing

@Suite struct ChartTests {
  @Test(arguments: [
    (0.0...600.0, 8, false, ["0", "100", "200", "300", "400", "500", "600"]),
    (0...1_160, 8, false, ["0", "200", "400", "600", "800", "1,000"]),
    (0...1, 8, false, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    (3.1...8.9, 6, true, ["3", "4", "5", "6", "7", "8", "9"]),
    (2.9...3.4, 5, true, ["2.9", "3.0", "3.1", "3.2", "3.3", "3.4"]),
    (0...2, 2, true, ["0", "1", "2"]), (-0.5...0.5, 2, true, ["-0.5", "0.0", "0.5"]),
    (0...1_000_000_000, 5, false, ["0", "200,000,000", "400,000,000", "600,000,000", "800,000,000", "1,000,000,000"]),
    (0...6e20, 3, true, ["0", "2e20", "4e20", "6e20"]),
  ])
  func ticksAreRound(_ range: ClosedRange<Double>, _ count: Int, _ isRoundedOut: Bool, _ labels: [String]) {
    #expect(AxisTicks(range, atMost: count, isRoundedOut: isRoundedOut).labels == labels)
  }

  @Test(arguments: [
    (1.0...8.0, 14, ["1", "2", "4", "8"]), (1...1_000, 5, ["1", "4", "16", "64", "256"]),
    (128...70_000, 14, ["128", "256", "512", "1,024", "2,048", "4,096", "8,192", "16,384", "32,768", "65,536"]),
    (3...3.5, 4, []), (1...1e300, 9, (0...8).map { decimal(Double(1 << (7 * $0)), 0) }),
  ])
  func logarithmicTicksArePowersOfTwo(_ range: ClosedRange<Double>, _ count: Int, _ labels: [String]) {
    #expect(AxisTicks(powersOfTwoIn: range, atMost: count).labels == labels)
  }

  private func chart(scale: Chart.StepScale) -> Chart {
    let line = (0...6).map { (step: Double(1 << $0), value: Double($0)) }
    let panel = Chart.Panel("y", share: 1, [Chart.Series(.first, "y", line: line)], borders: [8])
    return Chart(title: "t", subtitle: "", stepTitle: "x", lastStep: 64, scale: scale, [panel])
  }

  /// On a logarithmic axis doublings are equally far apart, and values that double with them make a straight line.
  @Test func aLogarithmicAxisSpreadsDoublings() {
    let svg = chart(scale: .logarithmic(from: 1)).svg
    #expect(svg.contains("M60 474L172.5 412.7L285 351.3L397.5 290L510 228.7L622.5 167.3L735 106"))
    #expect(svg.contains("<path class=\"border mark\" d=\"M397.5 106v368\"/>"))
    let labels = (0...6).map { ">\(1 << $0)</text>" }
    #expect(labels.allSatisfy(svg.contains))
    // From 16 on, earlier steps are left of the panel, and the axis has at least one doubling.
    let later = chart(scale: .logarithmic(from: 16)).svg
    #expect(later.contains("L60 228.7L397.5 167.3L735 106") && !later.contains(">8</text>"))
    #expect(chart(scale: .logarithmic(from: 64)).svg.contains(">128</text>"))
  }

  /// The drawing that linear charts had before there were other axes.
  @Test func aLinearAxisStartsAtZero() {
    let svg = chart(scale: .linear).svg
    #expect(svg.contains("M70.5 474L81.1 412.7L102.2 351.3L144.4 290L228.8 228.7L397.5 167.3L735 106"))
    let ticks = [("0", "60"), ("20", "270.9"), ("40", "481.9"), ("60", "692.8")]
    for (label, x) in ticks {
      #expect(svg.contains("<text class=\"axis\" x=\"\(x)\" y=\"492\" text-anchor=\"middle\">\(label)</text>"))
    }
  }

  /// As an element of a page, a chart has no style sheet, and its clips have names of their own.
  @Test func anElementIsTheDocumentWithoutItsStyle() throws {
    let chart = chart(scale: .linear)
    let style = try #require(chart.svg.firstMatch(of: /<style>[^<]*<\/style>\n/))
    #expect(style.output.contains(ChartStyle.sheet))
    let expected = chart.svg.replacing(style.output, with: "").replacing("panel0", with: "a-panel0")
    #expect(chart.element("a") == expected && expected.contains("url(#a-panel0)"))
  }

  /// Whatever numbers come, there is an axis, with ticks that differ.
  @Test(arguments: [0.0...0.0, 5...5, 1e300...1e300, -1e-300...1e-300, 1e15...1e15 + 1, 0...1e300])
  func extremeRangesHaveTicks(_ range: ClosedRange<Double>) {
    let ticks = AxisTicks(range, atMost: 6, isRoundedOut: true)
    #expect(2...9 ~= ticks.values.count)
    #expect(zip(ticks.values, ticks.values.dropFirst()).allSatisfy { $0 < $1 })
    #expect(Set(ticks.labels).count == ticks.labels.count)
  }

  @Test func numbersAreWrittenForPeople() {
    let found = [
      decimal(12_345.678, 2), decimal(-0.004, 2), decimal(-1.5, 1), decimal(0.05, 3), decimal(999.999, 2),
      decimal(1.5e20, 1), decimal(.nan, 1), superscriptPowerOfTen(-3), superscriptPowerOfTen(10),
    ]
    #expect(found == ["12,345.68", "0.00", "-1.5", "0.050", "1,000.00", "1.5e20", "nan", "10⁻³", "10¹⁰"])
  }

  /// WCAG 2.2, relative luminance and contrast ratio: 4.5 for texts, 1.2 for grid lines, which must not compete.
  @Test(arguments: [false, true])
  func coloursCanBeToldFromTheBackground(_ isDark: Bool) throws {
    func luminance(_ role: ChartStyle.Role) throws -> Double {
      let number = try #require(Int(ChartStyle.color(role, isDark: isDark).dropFirst(), radix: 16))
      let parts = [number >> 16, number >> 8 & 255, number & 255].map { part in
        let share = Double(part) / 255
        return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
      }
      return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    }
    let background = try luminance(.background)
    for role in ChartStyle.Role.allCases where role != .background {
      let other = try luminance(role)
      let contrast = (max(other, background) + 0.05) / (min(other, background) + 0.05)
      #expect(contrast >= (role == .grid ? 1.2 : 4.5), "\(role): \(contrast)")
      #expect(role != .grid || contrast < 1.5)
    }
  }

  @Test func namesCannotBreakTheDocument() {
    let name = "a<b>&\"c\"\u{0}\u{1B}\u{FFFF}" + String(repeating: "x", count: 100)
    let svg = Chart(title: name, subtitle: "", stepTitle: "step", lastStep: 0, []).svg
    #expect(svg.contains("<title>a&lt;b&gt;&amp;&quot;c&quot;   " + String(repeating: "x", count: 48) + "…</title>"))
    #expect(svg.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 })
  }
}
