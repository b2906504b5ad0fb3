/// What a pickle says about a storage: the tuple `('storage', class, key, location, count)`.
struct StorageReference {
  let type: PickleGraph.Global
  let key: String
  /// The length in elements, or in bytes if the storage has no type.
  let count: Int
  /// Before 1.6 a sixth member: None, or the part of the storage that is meant, as `(key, offset, count)`.
  let part: PickleGraph.ID?
}

extension PickleGraph {
  /// The storage to which a value refers; nil for other values.
  func storage(_ id: ID) -> StorageReference? {
    guard case .persistent(let description) = values[id], let parts = tuple(description), parts.count >= 5,
      name(parts[0]) == "storage", let type = global(parts[1]), let key = name(parts[2]),
      let count = integer(parts[4]), count >= 0
    else { return nil }
    var part = parts.count > 5 ? parts[5] : nil
    if let id = part, case .none = values[id] { part = nil }
    return StorageReference(type: type, key: key, count: count, part: part)
  }
}
