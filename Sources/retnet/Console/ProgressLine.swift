internal import Files

/// Shows progress on standard error: one line rewritten in place on a terminal, one plain line per interval otherwise.
///
/// The caller passes the time, so that a line depends only on its arguments. After a resume, speed and remaining time
/// count only what was done since then.
package struct ProgressLine {
  /// How progress is shown.
  package enum Style: Sendable {
    /// Not at all (`-q`).
    case silent
    /// One line per interval.
    case plain
    /// One line, rewritten.
    case rewritten
  }

  /// Something to show besides the count, for instance the loss.
  package struct Detail {
    /// When it is dropped from a line that is too long.
    package enum Weight {
      /// Before the remaining time.
      case minor
      /// After the remaining time.
      case normal
      /// After the label.
      case major
    }

    let text: String
    fileprivate let rank: Int

    /// - Parameters:
    ///   - text: A few words.
    ///   - weight: How important it is.
    package init(_ text: String, _ weight: Weight = .normal) {
      self.text = text
      rank =
        switch weight {
        case .minor: 5
        case .normal: 3
        case .major: 1
        }
    }
  }

  private let label: String
  private let unit: String
  private let total: Int?
  private var alreadyDone: Int
  private let style: Style
  private var start: ContinuousClock.Instant
  private var lastShown: ContinuousClock.Instant?
  private var lineIsOpen = false

  /// Starts the clock.
  ///
  /// - Parameters:
  ///   - label: The current activity: `train`.
  ///   - unit: The name of what is counted, in the plural: `steps`.
  ///   - total: The final count, if known.
  ///   - alreadyDone: The count at the start.
  ///   - style: How to show it.
  ///   - now: The current time.
  package init(
    _ label: String, unit: String, total: Int?, alreadyDone: Int = 0, style: Style,
    now: ContinuousClock.Instant = .now
  ) {
    self.label = label
    self.unit = unit
    self.total = total
    self.alreadyDone = alreadyDone
    self.style = style
    self.start = now
  }

  /// Shows progress if it is due: ten times a second on a terminal, every ten seconds otherwise.
  ///
  /// - Parameters:
  ///   - done: The count, including what was done before the start.
  ///   - detail: What else to show, such as the loss.
  ///   - now: The current time.
  package mutating func update(done: Int, detail: [Detail] = [], now: ContinuousClock.Instant = .now) {
    let interval: Duration = style == .rewritten ? .milliseconds(100) : .seconds(10)
    if now - (lastShown ?? start) >= interval { show(done: done, detail: detail, now: now) }
  }

  /// Shows the final state and ends the line.
  package mutating func finish(done: Int, detail: [Detail] = [], now: ContinuousClock.Instant = .now) {
    show(done: done, detail: detail, now: now)
    leaveLine()
  }

  /// Returns to an earlier count, from which work is repeated; speed and remaining time count from now.
  package mutating func goBack(to done: Int, now: ContinuousClock.Instant = .now) {
    (alreadyDone, start) = (done, now)
  }

  /// Ends a rewritten line, so that a message can follow below it.
  package mutating func leaveLine() {
    if lineIsOpen { try? StandardStream.error.write("\n") }
    lineIsOpen = false
  }

  private mutating func show(done: Int, detail: [Detail], now: ContinuousClock.Instant) {
    lastShown = now
    switch style {
    case .silent: break
    case .plain: StandardStream.error.say(text(done: done, detail: detail, now: now))
    case .rewritten:
      // A line as wide as the terminal would wrap and could not be rewritten.
      let visible = text(done: done, detail: detail, now: now, width: max(0, StandardStream.error.width - 1))
      try? StandardStream.error.write("\r\(visible)\u{1B}[K")
      lineIsOpen = true
    }
  }

  /// The line: `train  450/1,800 steps  25 %  7.5 steps/s  ETA 3m00s  loss 3.215`.
  ///
  /// If it is longer than the width, parts are dropped: first those that follow from others, finally the details. The
  /// count stays.
  ///
  /// - Parameters:
  ///   - done: The count.
  ///   - detail: What else to show.
  ///   - now: The current time.
  ///   - width: The maximum width of the line.
  /// - Returns: The line.
  package func text(
    done: Int, detail: [Detail] = [], now: ContinuousClock.Instant, width: Int = .max
  ) -> String {
    var parts = parts(done: done, now: now) + detail.map { Part(text: $0.text, rank: $0.rank, isDetail: true) }
    while Self.joined(parts).count > width, let least = parts.indices.max(by: { parts[$0].rank < parts[$1].rank }),
      parts[least].rank > 0
    { parts.remove(at: least) }
    return String(Self.joined(parts).prefix(width))
  }

  /// A part of the line; the less important it is, the higher its rank.
  private struct Part {
    let text: String
    let rank: Int
    var isDetail = false
  }

  private func parts(done: Int, now: ContinuousClock.Instant) -> [Part] {
    let seconds = (now - start) / .seconds(1)
    let rate = seconds > 0 ? Double(done - alreadyDone) / seconds : 0
    var parts = [Part(text: label, rank: 2)]
    if let total {
      parts.append(Part(text: "\(grouped(done))/\(grouped(total)) \(unit)", rank: 0))
      if total > 0 { parts.append(Part(text: "\(Int(100 * Double(done) / Double(total))) %", rank: 7)) }
    } else {
      parts.append(Part(text: "\(grouped(done)) \(unit)", rank: 0))
    }
    if rate > 0 {
      parts.append(Part(text: "\(shortened(rate)) \(unit)/s", rank: 6))
      if let total, done < total {
        parts.append(Part(text: "ETA \(clockTime(Double(total - done) / rate))", rank: 4))
      }
    }
    return parts
  }

  private static func joined(_ parts: [Part]) -> String {
    var line = ""
    for (index, part) in parts.enumerated() {
      if index > 0 { line += part.isDetail && parts[index - 1].isDetail ? ", " : "  " }
      line += part.text
    }
    return line
  }
}

/// An integer with thousands separators: `1,234,567`.
package func grouped(_ number: Int) -> String {
  let digits = String(number.magnitude)
  var groups = ""
  for (index, digit) in digits.enumerated() {
    if index > 0, (digits.count - index).isMultiple(of: 3) { groups.append(",") }
    groups.append(digit)
  }
  return (number < 0 ? "-" : "") + groups
}

/// A rate with about three significant digits: `7.52`, `93.1`, `12,800`.
package func shortened(_ rate: Double) -> String {
  guard rate.isFinite, rate.magnitude < 1e15 else { return rate.description }
  if rate >= 100 { return grouped(Int(rate.rounded())) }
  let step = rate >= 10 ? 10.0 : 100.0
  return ((rate * step).rounded() / step).description
}

/// A duration for people: `42s`, `3m05s`, `2h07m`, `3d04h`.
package func clockTime(_ seconds: Double) -> String {
  guard seconds.isFinite, seconds < 1e9 else { return "a long time" }
  let whole = Int(max(0, seconds).rounded(.up))
  func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
  switch whole {
  case ..<60: return "\(whole)s"
  case ..<3_600: return "\(whole / 60)m\(twoDigits(whole % 60))s"
  case ..<86_400: return "\(whole / 3_600)h\(twoDigits(whole / 60 % 60))m"
  default: return "\(whole / 86_400)d\(twoDigits(whole / 3_600 % 24))h"
  }
}

/// A count with its noun: `1 head`, `6 heads`.
func counted(_ count: Int, _ noun: String) -> String { "\(grouped(count)) \(noun)\(count == 1 ? "" : "s")" }
