/// Finds the tensors among the values of a pickle, and their data among the storages.
///
/// A tensor is a recorded call of `torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks,
/// metadata?)`, or of `_v3`, which has a dtype before the metadata. Before 0.4 it was `_rebuild_tensor(storage, offset,
/// size, stride)`. Source: torch/_utils.py, torch/_tensor.py.
struct TensorDecoder {
  let contents: TorchContents

  private var graph: PickleGraph { contents.graph }

  /// Whether a value claims to be a tensor, of a known kind or not.
  func isTensor(_ id: PickleGraph.ID) -> Bool { rebuilder(of: id)?.hasPrefix("_rebuild_") ?? false }

  /// The number of sizes of a tensor; nil for tensors of unknown kinds.
  func rank(of id: PickleGraph.ID) -> Int? {
    let arguments = arguments(of: tensor(in: id) ?? id)
    return arguments.count >= 4 ? graph.tuple(arguments[2])?.count : nil
  }

  /// Decodes a value for which `isTensor` holds.
  ///
  /// - Throws: `CheckpointError.tensor`.
  func view(of id: PickleGraph.ID, name: String) throws(CheckpointError) -> TensorView {
    guard let id = tensor(in: id) else { throw failure(name, "a parameter with a tensor", "none") }
    let arguments = arguments(of: id)
    switch rebuilder(of: id) {
    case "_rebuild_tensor" where arguments.count >= 4, "_rebuild_tensor_v2" where arguments.count >= 6:
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

  // The tensor in a parameter, or the value itself.
  private func tensor(in id: PickleGraph.ID) -> PickleGraph.ID? {
    let isParameter = ["_rebuild_parameter", "_rebuild_parameter_with_state"].contains(rebuilder(of: id))
    return isParameter ? arguments(of: id).first : id
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
      path: contents.path, name: name, storage: storage, dataType: dataType, offset: offset, shape: shape,
      strides: strides)
  }

  private func storage(
    _ id: PickleGraph.ID, name: String
  ) throws(CheckpointError) -> (range: Range<Int>, dataType: DataType?) {
    guard let reference = graph.storage(id) else { throw failure(name, "a storage", graph.summary(id)) }
    let type = reference.type
    let dataType = type.module == "torch" ? StorageType.dataType(ofStorage: type.name) : nil
    guard dataType != nil || type == StorageType.untyped else {
      throw failure(name, "a known storage", quoted("\(type.module).\(type.name)"))
    }
    guard let range = contents.ranges[reference.key] else {
      throw failure(name, contents.described(reference.key), "none")
    }
    let storage = try prefix(reference.count, of: range, dataType, name: name)
    guard let part = reference.part else { return (storage, dataType) }
    guard let numbers = graph.tuple(part), numbers.count == 3, let offset = graph.integer(numbers[1]), offset >= 0,
      let count = graph.integer(numbers[2]), count >= 0
    else {
      throw failure(name, "a part of a storage", graph.summary(part))
    }
    let skipped = try prefix(offset, of: storage, dataType, name: name)
    return (try prefix(count, of: skipped.upperBound..<storage.upperBound, dataType, name: name), dataType)
  }

  // The bytes of the first elements in a range, which must have as many.
  private func prefix(
    _ count: Int, of range: Range<Int>, _ dataType: DataType?, name: String
  ) throws(CheckpointError) -> Range<Int> {
    guard let byteCount = (dataType ?? .u8).byteCount(ofShape: [count]), byteCount <= range.count else {
      throw failure(name, "a storage within the \(range.count) bytes of its data", "\(count) elements")
    }
    return range.lowerBound..<range.lowerBound + byteCount
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
    .tensor(path: contents.path, name: name, expected: expected, found: found)
  }
}
