/// Formats a number with a fixed number of decimals and thousands separators: `12,345.68`; a very large one as
/// `1.2e20`.
package func decimal(_ number: Double, _ places: Int) -> String {
  guard number.isFinite else { return number.description }
  let scale = powerOfTen(places)
  let scaled = (number.magnitude * scale).rounded()
  guard number.magnitude < 1e15, scaled < 1e18 else {
    let exponent = decimalExponent(number.magnitude)
    return "\(number < 0 ? "-" : "")\(decimal(number.magnitude / powerOfTen(exponent), 1))e\(exponent)"
  }
  let (whole, rest) = Int(scaled).quotientAndRemainder(dividingBy: Int(scale))
  var text = ""
  for (index, digit) in String(whole).reversed().enumerated() {
    if index > 0, index.isMultiple(of: 3) { text = "," + text }
    text = String(digit) + text
  }
  if places > 0 {
    let digits = String(rest)
    text += "." + String(repeating: "0", count: places - digits.count) + digits
  }
  return number < 0 && scaled > 0 ? "-" + text : text
}

/// A coordinate in a drawing, rounded to a tenth of a unit.
func coordinate(_ number: Double) -> String {
  let tenths = Int((number * 10).rounded())
  let (whole, rest) = tenths.magnitude.quotientAndRemainder(dividingBy: 10)
  return (tenths < 0 ? "-" : "") + (rest == 0 ? "\(whole)" : "\(whole).\(rest)")
}

/// A power of ten as text: 10⁻³.
package func superscriptPowerOfTen(_ exponent: Int) -> String {
  let digits: [Character: Character] = [
    "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸", "9": "⁹",
  ]
  return "10" + String(String(exponent).compactMap { digits[$0] })
}

extension String {
  /// Escapes the text for XML, drops characters that XML cannot hold, and cuts a long text.
  func forXML(atMost count: Int) -> String {
    let shown = self.count > count ? prefix(count - 1) + "…" : self[...]
    return shown.unicodeScalars.reduce(into: "") { text, scalar in
      switch scalar {
      case "&": text += "&amp;"
      case "<": text += "&lt;"
      case ">": text += "&gt;"
      case "\"": text += "&quot;"
      // Of the other control characters, XML 1.0 allows only tab and line ends, and a line of text needs none of them.
      case "\u{0}"..."\u{1F}", "\u{FFFE}", "\u{FFFF}": text += " "
      default: text.unicodeScalars.append(scalar)
      }
    }
  }
}
