/// A pattern for names: `*` matches any characters, including dots, `?` matches one.
package struct NamePattern: Sendable, Equatable {
  package let text: String

  package init(_ text: String) { self.text = text }

  /// Whether the pattern matches a name. The time is at most proportional to the product of both lengths.
  package func matches(_ name: String) -> Bool {
    let (pattern, name) = (Array(text.utf8), Array(name.utf8))
    var (p, n) = (0, 0)
    /// The last star, and where the text that it matches ends.
    var star: (pattern: Int, name: Int)?
    while n < name.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        star = (p, n)
        p += 1
      } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == name[n] {
        p += 1
        n += 1
      } else if let last = star {
        star = (last.pattern, last.name + 1)
        (p, n) = (last.pattern + 1, last.name + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
