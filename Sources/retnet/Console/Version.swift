/// The program's version, and the text of `--version`.
package enum Version {
  /// The version, by semantic versioning.
  package static let number = "0.1.0"

  /// The text of `--version`: the version, then one line per fact about build and machine.
  ///
  /// - Parameter facts: Names and values in display order: commit, BLAS library and core, CPU features, …
  /// - Returns: Lines with the values aligned, without a newline at the end.
  package static func text(facts: [(name: String, value: String)]) -> String {
    let width = facts.map(\.name.count).max() ?? 0
    let lines = facts.map { fact in
      "  \(fact.name)\(String(repeating: " ", count: width - fact.name.count))  \(fact.value)"
    }
    return (["retnet \(number)"] + lines).joined(separator: "\n")
  }
}
