/// A named field of the records that a key accepts, such as `path` in a list of files.
package struct ConfigurationField: Sendable, Equatable {
  package let name: String
  package let kind: ConfigurationKind

  package init(name: String, kind: ConfigurationKind) { (self.name, self.kind) = (name, kind) }
}

extension [ConfigurationField] {
  /// What is wrong with a list of records, or nil. Each record needs the first field and may have the others.
  func objection(to records: [[String: ConfigurationValue]]) -> String? {
    for (index, record) in records.enumerated() {
      let place = "entry \(index + 1): "
      for (name, value) in record.sorted(by: { $0.key < $1.key }) {
        guard let field = first(where: { $0.name == name }) else {
          let match = closestMatch(to: name, among: map(\.name))
          return place + "unknown key \(quotedForMessage(name))" + (match.map { "; did you mean '\($0)'?" } ?? "")
        }
        if let objection = field.kind.objection(to: value) { return place + "\(name): \(objection)" }
      }
      if let first, record[first.name] == nil { return place + "expected a \(first.name), found none" }
    }
    return nil
  }

  /// `{path, weight}`.
  var described: String { "{" + map(\.name).joined(separator: ", ") + "}" }
}
