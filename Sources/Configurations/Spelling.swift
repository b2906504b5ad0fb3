/// The candidate closest to a misspelt word, for "did you mean"; nil if none is close.
///
/// Close means at most one typo (a letter wrong, missing or added, or two exchanged) per three letters typed.
package func closestMatch(to word: String, among candidates: some Sequence<String>) -> String? {
  // The distance costs the product of the lengths, so a very long name is never compared.
  guard word.utf8.count <= 64 else { return nil }
  let largest = max(1, word.count / 3)
  return
    candidates
    .map { (candidate: $0, distance: editDistance(word.lowercased(), $0.lowercased())) }
    .filter { $0.distance <= largest }
    .min { $0.distance < $1.distance }?
    .candidate
}

/// The number of typos between two words: insertions, deletions, substitutions and exchanges of neighbours.
///
/// This is the optimal string alignment distance: no part of a word is edited twice.
package func editDistance(_ first: String, _ second: String) -> Int {
  let a = Array(first)
  let b = Array(second)
  var twoBefore: [Int] = []
  var before = Array(0...b.count)
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      var best = min(before[j + 1] + 1, row[j] + 1, before[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
        best = min(best, twoBefore[j - 1] + 1)
      }
      row.append(best)
    }
    twoBefore = before
    before = row
  }
  return before[b.count]
}

/// Quotes text from outside for a message: cut to one line, with control characters made visible.
package func quotedForMessage(_ text: String) -> String {
  let limit = 60
  var shown = ""
  for scalar in text.unicodeScalars.prefix(limit) {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse, .surrogate:
      shown += scalar.escaped(asASCII: true)
    default:
      shown.unicodeScalars.append(scalar)
    }
  }
  return "'" + shown + (text.unicodeScalars.dropFirst(limit).isEmpty ? "'" : "…'")
}
