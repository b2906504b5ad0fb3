/// Finds stop strings in text as it is generated, and holds back text that may be the start of one.
package struct StopStrings {
  private let strings: [[UInt8]]
  private var held: [UInt8] = []
  /// Whether a stop string was found.
  package private(set) var isFound = false

  /// - Parameter strings: The stop strings, none of them empty.
  package init(_ strings: [String]) {
    precondition(!strings.contains(""), "StopStrings: an empty string")
    self.strings = strings.map { Array($0.utf8) }
  }

  /// Adds the next characters.
  ///
  /// - Parameter text: Whole characters.
  /// - Returns: The text that certainly precedes any stop string; empty once one was found.
  package mutating func append(_ text: String) -> String {
    guard !isFound else { return "" }
    if strings.isEmpty { return text }
    held += Array(text.utf8)
    // The first position where a stop string is, or may still appear.
    for start in held.indices {
      let rest = held[start...]
      if strings.contains(where: { rest.starts(with: $0) }) {
        isFound = true
        return release(start)
      }
      if strings.contains(where: { $0.starts(with: rest) }) { return release(start) }
    }
    return release(held.count)
  }

  /// Ends the text.
  ///
  /// - Returns: The text that was held back, if it did not become a stop string.
  package mutating func finish() -> String {
    guard !isFound else { return "" }
    let end = held.indices.first { start in strings.contains { held[start...].starts(with: $0) } }
    isFound = end != nil
    return release(end ?? held.count)
  }

  private mutating func release(_ count: Int) -> String {
    let text = String(decoding: held[..<count], as: UTF8.self)
    held.removeFirst(count)
    return text
  }
}
