/// The methods of Python's `str` that the templates of lm-evaluation-harness use. Python counts code points, so these
/// work on Unicode scalars.
extension String {
  /// `strip()`.
  var stripped: String {
    let scalars = unicodeScalars.drop { $0.isPythonSpace }
    guard let last = scalars.lastIndex(where: { !$0.isPythonSpace }) else { return "" }
    return String(scalars[...last])
  }

  /// `capitalize()`.
  var capitalizedAsSentence: String {
    guard let first = unicodeScalars.first else { return "" }
    let scalars = Array(unicodeScalars)
    let rest = scalars.indices.dropFirst().map { place in
      scalars[place] == "Σ" && scalars.hasFinalSigma(at: place) ? "ς" : scalars[place].properties.lowercaseMapping
    }
    return first.properties.titlecaseMapping + rest.joined()
  }

  /// `text[0].lower() + text[1:]`.
  var withLowercasedFirst: String {
    guard let first = unicodeScalars.first else { return "" }
    return first.properties.lowercaseMapping + String(unicodeScalars.dropFirst())
  }

  /// `replace(old, new)`: from left to right, in one pass.
  func replacing(_ old: String, by new: String) -> String {
    let (scalars, pattern) = (Array(unicodeScalars), Array(old.unicodeScalars))
    var result = String.UnicodeScalarView()
    var place = 0
    while place < scalars.count {
      if scalars[place...].starts(with: pattern) {
        result.append(contentsOf: new.unicodeScalars)
        place += pattern.count
      } else {
        result.append(scalars[place])
        place += 1
      }
    }
    return String(result)
  }

  /// `text[:end]`.
  func scalars(upTo end: Int) -> String { String(unicodeScalars.prefix(end)) }

  /// `text[start:]`.
  func scalars(from start: Int) -> String { String(unicodeScalars.dropFirst(start)) }

  /// `split()`: the words between white space.
  var words: [String] { unicodeScalars.split { $0.isPythonSpace }.map { String($0) } }

  /// `len(text)`.
  var scalarCount: Int { unicodeScalars.count }

  /// The number of code points of white space at the end.
  package var trailingSpaceCount: Int { unicodeScalars.reversed().prefix { $0.isPythonSpace }.count }

  /// The number of runs of white space.
  var spaceRunCount: Int {
    var (count, wasSpace) = (0, false)
    for scalar in unicodeScalars {
      if scalar.isPythonSpace, !wasSpace { count += 1 }
      wasSpace = scalar.isPythonSpace
    }
    return count
  }
}

extension [Unicode.Scalar] {
  /// Whether a capital sigma ends a word: a cased letter comes before it and none after it, if what has no case of its
  /// own is left out. Source: the Unicode Standard, table 3-17, Final_Sigma.
  fileprivate func hasFinalSigma(at place: Int) -> Bool {
    let before = self[..<place].last { !$0.properties.isCaseIgnorable }
    let after = self[(place + 1)...].first { !$0.properties.isCaseIgnorable }
    return before?.properties.isCased == true && after?.properties.isCased != true
  }
}

extension Unicode.Scalar {
  /// `isspace()`.
  fileprivate var isPythonSpace: Bool { properties.isWhitespace || (0x1C...0x1F).contains(value) }
}
