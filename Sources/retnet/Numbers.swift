extension Double {
  /// The number with a fixed count of decimals, rounded to nearest, for people to read.
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

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
