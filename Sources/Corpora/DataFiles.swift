package import Configurations

/// Token files by path, each with an optional weight: a path alone, or a list of paths and of `{path, weight}`.
package struct DataFiles: Equatable, Sendable {
  /// A file with its weight.
  package struct Entry: Equatable, Sendable {
    package let path: String
    /// Its share of the sequences, relative to the others; nil: proportional to its size.
    package let weight: Double?

    package init(path: String, weight: Double? = nil) { (self.path, self.weight) = (path, weight) }
  }

  package var entries: [Entry] = []

  package init(_ entries: [Entry] = []) { self.entries = entries }

  /// Whether only some files have a weight.
  var isPartlyWeighted: Bool { Set(entries.map { $0.weight == nil }).count > 1 }
}

extension DataFiles: ConfigurationConvertible {
  /// With larger weights, a sum would lose the small ones to rounding.
  private static let weights = NumberRange.above(0, upTo: 1e9)

  package static func kind(within limits: NoLimits) -> ConfigurationKind {
    .records([
      ConfigurationField(name: "path", kind: .text), ConfigurationField(name: "weight", kind: .number(weights)),
    ])
  }

  package init?(_ value: ConfigurationValue) {
    switch value {
    case .text(let path): entries = path.isEmpty ? [] : [Entry(path: path)]
    case .list(let paths): entries = paths.map { Entry(path: $0) }
    case .records(let records):
      for record in records {
        guard let path = record["path"].flatMap({ String($0) }) else { return nil }
        entries.append(Entry(path: path, weight: record["weight"].flatMap { Double($0) }))
      }
    default: return nil
    }
  }

  package var configurationValue: ConfigurationValue {
    if entries.isEmpty { return .text("") }
    if entries.count == 1, entries[0].weight == nil { return .text(entries[0].path) }
    return .records(
      entries.map { entry in
        var record = ["path": entry.path.configurationValue]
        record["weight"] = entry.weight?.configurationValue
        return record
      })
  }
}
