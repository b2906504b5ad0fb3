internal import Files

/// Writes PyTorch's zip files as a stream, with at most one piece of one tensor in memory. `torch.load` reads them, also
/// with `weights_only=True`.
///
/// Source: docs/CHECKPOINT.md §3; torch/serialization.py, `_save`; torch/_weights_only_unpickler.py.
package enum TorchWriter {
  /// Writes a file that appears at its path complete, or not at all. The same input gives the same bytes.
  ///
  /// - Parameters:
  ///   - path: Where the file will appear; its folder must exist.
  ///   - tensors: All tensors, in the order of the file. Each gets a storage of its own.
  ///   - layout: What surrounds the tensors, and their further names. No name may occur twice or exceed 1,024 bytes.
  ///   - bytes: Called once for each tensor, in the order of the file. It passes the tensor's data, little-endian and
  ///     row-major, in one or more pieces to the closure that it receives.
  /// - Throws: `CheckpointError.tensor`, `.missingTensor`, `.pickle` or `.file`, and what `bytes` throws; an old file at
  ///   the path then stays unchanged.
  package static func write(
    to path: String,
    tensors: [TensorDescription],
    layout: TorchLayout,
    bytes: (TensorDescription, (RawSpan) throws -> Void) throws -> Void
  ) throws {
    let pickle = try pickle(of: tensors, layout, path: path)
    do {
      let file = try AtomicFile(replacing: path)
      var archive = ArchiveWriter(file, wideFrom: ArchiveWriter.wideFrom)
      try archive.add("archive/data.pkl", pickle)
      try archive.add("archive/byteorder", Array("little".utf8))
      for (key, tensor) in tensors.enumerated() {
        var count = TensorByteCount(of: tensor, path: path)
        try archive.begin("archive/data/\(key)", byteCount: tensor.byteCount)
        try bytes(tensor) { piece in
          try count.add(piece)
          try archive.append(piece)
        }
        try count.finish()
        try archive.end()
      }
      try archive.add("archive/version", Array("3\n".utf8))
      try archive.finish()
      try file.commit()
    } catch let error as FileError {
      throw CheckpointError.file(error)
    }
  }

  private static func pickle(
    of tensors: [TensorDescription], _ layout: TorchLayout, path: String
  ) throws(CheckpointError) -> [UInt8] {
    let aliases = layout.aliases.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    try TensorDescription.checkNames(tensors.map(\.name) + aliases.map(\.key), path: path)
    var places: [String: Int] = [:]
    var state: [(name: String, tensor: TorchTensor)] = []
    for (key, tensor) in tensors.enumerated() {
      guard let storage = StorageType.storage(of: tensor.dataType) else {
        throw .tensor(
          path: path, name: tensor.name, expected: "a type that PyTorch has a storage of",
          found: tensor.dataType.rawValue)
      }
      places[tensor.name] = key
      state.append((tensor.name, TorchTensor(key: key, storage: storage, shape: tensor.shape)))
    }
    for (name, original) in aliases {
      guard let place = places[original] else { throw .missingTensor(path: path, name: original) }
      state.append((name, state[place].tensor))
    }
    var writer = PickleWriter()
    writer.write(layout.root, state)
    writer.write(.stop)
    let limit = TorchContents.pickleByteLimit
    guard writer.bytes.count <= limit else {
      throw .pickle(path: path, byte: limit, expected: "at most \(limit) bytes", found: "\(writer.bytes.count)")
    }
    return writer.bytes
  }
}

/// A tensor in row-major order that fills its storage.
private struct TorchTensor {
  /// The number of the storage's entry.
  let key: Int
  /// The name of the storage's class in the module `torch`.
  let storage: String
  let shape: [Int]

  /// PyTorch's strides count at least one step per size, even where there are no elements.
  var strides: [Int] {
    var strides: [Int] = []
    var step = 1
    for size in shape.reversed() {
      strides.append(step)
      // Without elements the steps are never made, and their product may exceed 64 bits.
      let (product, overflow) = step.multipliedReportingOverflow(by: max(1, size))
      step = overflow ? 1 : product
    }
    return strides.reversed()
  }
}

extension PickleWriter {
  fileprivate mutating func write(_ value: TorchLayout.Value, _ state: [(name: String, tensor: TorchTensor)]) {
    switch value {
    case .scalar(let scalar):
      write(scalar)
    case .list(let values):
      write(.emptyList)
      write(.mark)
      for value in values { write(value, state) }
      write(.appends)
    case .dictionary(let entries):
      write(.emptyDict)
      writeItems { writer in
        for entry in entries {
          writer.write(entry.key)
          writer.write(entry.value, state)
        }
      }
    case .weights:
      writeOrderedDictionary()
      writeItems { writer in
        for (name, tensor) in state {
          writer.write(name)
          writer.write(tensor)
        }
      }
    }
  }

  // torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks).
  private mutating func write(_ tensor: TorchTensor) {
    write(PickleGraph.Global(module: "torch._utils", name: "_rebuild_tensor_v2"))
    writeTuple { writer in
      writer.writeTuple { writer in
        writer.write("storage")
        writer.write(PickleGraph.Global(module: "torch", name: tensor.storage))
        writer.write(String(tensor.key))
        writer.write("cpu")
        writer.write(tensor.shape.reduce(1, *))
      }
      writer.write(.binPersID)
      writer.write(0)
      writer.write(tensor.shape)
      writer.write(tensor.strides)
      writer.write(.newFalse)
      writer.writeOrderedDictionary()
    }
    write(.reduce)
  }
}
