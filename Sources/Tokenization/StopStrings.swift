/// Finds where a text must stop, as it comes: what may be the beginning of a stop string is held back.
package struct StopStrings {
  private let strings: [[UInt8]]
  private var held: [UInt8] = []
  /// Whether a stop string has come.
  package private(set) var isFound = false

  /// - Parameter strings: None of them empty.
  package init(_ strings: [String]) {
    precondition(!strings.contains(""), "StopStrings: an empty string")
    self.strings = strings.map { Array($0.utf8) }
  }

  /// Takes the next characters.
  ///
  /// - Parameter text: Whole characters.
  /// - Returns: The text that is certain to come before any stop string; nothing once one was found.
  package mutating func append(_ text: String) -> String {
    guard !isFound else { return "" }
    if strings.isEmpty { return text }
    held += Array(text.utf8)
    // The first place at which a stop string lies, or may still come to lie.
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
  /// - Returns: What was held back and has not become a stop string.
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
