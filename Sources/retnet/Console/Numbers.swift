internal import Glibc

/// Formats numbers for people; the last extension parses durations.
extension Double {
  /// Formats the number with a fixed count of decimals, rounded to nearest, for people.
  func fixed(_ decimals: Int) -> String {
    guard isFinite, magnitude < 1e15 else { return description }
    var scale = 1
    for _ in 0..<decimals { scale *= 10 }
    let scaled = (magnitude * Double(scale)).rounded()
    guard scaled < 9e18 else { return description }
    let (whole, rest) = Int(scaled).quotientAndRemainder(dividingBy: scale)
    let sign = self < 0 && scaled > 0 ? "-" : ""
    let digits = String(rest)
    return decimals == 0
      ? "\(sign)\(whole)" : "\(sign)\(whole).\(String(repeating: "0", count: decimals - digits.count))\(digits)"
  }
}

extension Double {
  /// The nearest number with the given count of significant decimal digits.
  func rounded(toDigits count: Int) -> Double {
    guard isFinite, self != 0 else { return self }
    let exponent = count - 1 - Int(log10(magnitude).rounded(.down))
    // A power of ten up to 1e22 is exact, so the quotient is correctly rounded.
    guard abs(exponent) <= 22 else { return self }
    let scale = pow(10, Double(abs(exponent)))
    return exponent >= 0 ? (self * scale).rounded() / scale : (self / scale).rounded() * scale
  }
}

extension Double {
  /// Formats the number with two digits and a power of ten, for people: 3.2e-07.
  var scientific: String {
    guard isFinite, self != 0 else { return self == 0 ? "0" : description }
    var exponent = Int(log10(magnitude).rounded(.down))
    var digits = (magnitude / pow(10, Double(exponent - 1))).rounded()
    if digits >= 100 { (digits, exponent) = (digits / 10, exponent + 1) }
    let power = String(exponent.magnitude)
    return (self < 0 ? "-" : "") + (digits / 10).fixed(1) + "e" + (exponent < 0 ? "-" : "+")
      + (power.count < 2 ? "0" : "") + power
  }
}

extension Duration {
  /// Parses a duration such as `90s`, `30m`, `1h30m`, or a number of seconds; nil for anything else.
  package init?(words: String) {
    var (seconds, digits) = (0.0, "")
    for character in words {
      if character.isASCII && (character.isNumber || character == ".") {
        digits.append(character)
      } else {
        guard let unit = ["s": 1.0, "m": 60, "h": 3_600, "d": 86_400][character], let count = Double(digits) else {
          return nil
        }
        seconds += unit * count
        digits = ""
      }
    }
    if !digits.isEmpty {
      guard let count = Double(digits), seconds == 0 else { return nil }
      seconds = count
    }
    // Beyond a thousand years, clock arithmetic overflows.
    guard seconds > 0 && seconds < 3e10 else { return nil }
    self = .seconds(seconds)
  }

  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
