/// Finds the tensors among the values of a pickle, and their data among the entries of the archive.
///
/// A tensor is a recorded call of `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks,
/// metadata?)`, or of `_v3`, which has a dtype before the metadata. Source: torch/_utils.py, torch/_tensor.py.
struct TensorDecoder {
  let graph: PickleGraph
  let archive: StoredArchive
  let path: String
  /// The folder in the archive that holds everything, without a slash.
  let folder: String

  /// Whether a value claims to be a tensor, of a known kind or not.
  func isTensor(_ id: PickleGraph.ID) -> Bool { rebuilder(of: id)?.hasPrefix("_rebuild_") ?? false }

  /// Decodes a value for which `isTensor` holds.
  ///
  /// - Throws: `CheckpointError.tensor`.
  func view(of id: PickleGraph.ID, name: String) throws(CheckpointError) -> TensorView {
    var id = id
    if let rebuilder = rebuilder(of: id), ["_rebuild_parameter", "_rebuild_parameter_with_state"].contains(rebuilder) {
      guard let tensor = arguments(of: id).first else { throw failure(name, "a parameter with a tensor", "none") }
      id = tensor
    }
    let arguments = arguments(of: id)
    switch rebuilder(of: id) {
    case "_rebuild_tensor_v2" where arguments.count >= 6:
      let storage = try storage(arguments[0], name: name)
      guard let dataType = storage.dataType else { throw failure(name, "a typed storage", "an untyped one") }
      return try view(name, storage.range, dataType, arguments, metadata: arguments.dropFirst(6).first)
    case "_rebuild_tensor_v3" where arguments.count >= 7:
      guard let global = graph.global(arguments[6]), global.module == "torch",
        let dataType = StorageType.dataType(named: global.name)
      else {
        throw failure(name, "a known dtype", graph.summary(arguments[6]))
      }
      return try view(
        name, try storage(arguments[0], name: name).range, dataType, arguments, metadata: arguments.dropFirst(7).first)
    default:
      throw failure(name, "a dense tensor", graph.summary(id))
    }
  }

  private func view(
    _ name: String, _ storage: Range<Int>, _ dataType: DataType, _ arguments: [PickleGraph.ID],
    metadata: PickleGraph.ID?
  ) throws(CheckpointError) -> TensorView {
    guard let offset = graph.integer(arguments[1]), let shape = graph.integers(arguments[2]),
      let strides = graph.integers(arguments[3])
    else {
      throw failure(
        name, "an offset, sizes and strides", arguments[1...3].map { graph.summary($0) }.joined(separator: ", "))
    }
    // The metadata may say that the numbers have to be negated or conjugated before use.
    if let metadata, let entries = graph.dictionary(metadata), !entries.isEmpty {
      throw failure(name, "numbers as stored", "a view that changes them (\(graph.summary(entries[0].key)))")
    }
    return try TensorView(
      path: path, name: name, storage: storage, dataType: dataType, offset: offset, shape: shape, strides: strides)
  }

  // ('storage', class, key, location, count): the data are in the entry data/<key>. The count is in elements, or in
  // bytes if the storage has no type.
  private func storage(
    _ id: PickleGraph.ID, name: String
  ) throws(CheckpointError) -> (range: Range<Int>, dataType: DataType?) {
    guard case .persistent(let description) = graph.values[id], let parts = graph.tuple(description), parts.count >= 5,
      graph.name(parts[0]) == "storage", let type = graph.global(parts[1]), let key = graph.name(parts[2]),
      let count = graph.integer(parts[4]), count >= 0
    else {
      throw failure(name, "a storage", graph.summary(id))
    }
    let isUntyped = type == PickleGraph.Global(module: "torch.storage", name: "UntypedStorage")
    let dataType = type.module == "torch" ? StorageType.dataType(ofStorage: type.name) : nil
    guard isUntyped || dataType != nil else { throw failure(name, "a known storage", graph.summary(parts[1])) }
    guard let range = archive.ranges["\(folder)/data/\(key)"] else {
      throw failure(name, "an entry \(quoted("\(folder)/data/\(key)"))", "none")
    }
    guard let byteCount = (dataType ?? .u8).byteCount(ofShape: [count]), byteCount <= range.count else {
      throw failure(name, "a storage within the \(range.count) bytes of its entry", "\(count) elements")
    }
    return (range.lowerBound..<range.lowerBound + byteCount, dataType)
  }

  // The name of the function of torch._utils that the value's call refers to.
  private func rebuilder(of id: PickleGraph.ID) -> String? {
    guard let object = graph.object(id), let global = graph.global(object.callable), global.module == "torch._utils"
    else { return nil }
    return global.name
  }

  private func arguments(of id: PickleGraph.ID) -> [PickleGraph.ID] {
    graph.object(id).flatMap { graph.tuple($0.arguments) } ?? []
  }

  private func failure(_ name: String, _ expected: String, _ found: String) -> CheckpointError {
    .tensor(path: path, name: name, expected: expected, found: found)
  }
}
