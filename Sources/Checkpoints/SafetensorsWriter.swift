internal import Files

/// Writes safetensors files as a stream, with at most one piece of one tensor in memory.
package enum SafetensorsWriter {
  /// Writes a file that appears at its path complete, or not at all.
  ///
  /// Tensors are ordered by element width, widest first, then by name, so that each is aligned to its elements. The
  /// same input gives the same bytes.
  ///
  /// - Parameters:
  ///   - path: Where the file will appear; its folder must exist.
  ///   - tensors: All tensors, in any order. A name may not be `__metadata__`, occur twice or exceed 1,024 bytes.
  ///   - metadata: Text entries. The same rules hold for their names.
  ///   - bytes: Called once for each tensor, in the order of the file. It passes the tensor's data, little-endian and
  ///     row-major, in one or more pieces to the closure that it receives.
  /// - Throws: `CheckpointError.tensor`, `.header` or `.file`, and what `bytes` throws; an old file at the path then
  ///   stays unchanged.
  package static func write(
    to path: String,
    tensors: [TensorDescription],
    metadata: [String: String],
    bytes: (TensorDescription, (RawSpan) throws -> Void) throws -> Void
  ) throws {
    let tensors = arranged(tensors)
    try checkNames(tensors, metadata, path: path)
    guard let header = SafetensorsHeader.bytes(tensors: tensors, metadata: metadata) else {
      let expected = "at most \(SafetensorsHeader.textByteLimit) bytes"
      throw CheckpointError.header(path: path, byte: 0, expected: expected, found: "more")
    }
    do {
      let file = try AtomicFile(replacing: path)
      try file.write(header)
      for tensor in tensors {
        var byteCount = 0
        try bytes(tensor) { piece in
          byteCount += piece.byteCount
          guard byteCount <= tensor.byteCount else { throw mismatch(tensor, "at least \(byteCount)", path: path) }
          try file.write(piece)
        }
        guard byteCount == tensor.byteCount else { throw mismatch(tensor, "\(byteCount)", path: path) }
      }
      try file.commit()
    } catch let error as FileError {
      throw CheckpointError.file(error)
    }
  }

  private static func arranged(_ tensors: [TensorDescription]) -> [TensorDescription] {
    tensors.sorted { left, right in
      if left.dataType.bitCount != right.dataType.bitCount { return left.dataType.bitCount > right.dataType.bitCount }
      return left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
    }
  }

  // Names that the reader would refuse are not written.
  private static func checkNames(
    _ tensors: [TensorDescription], _ metadata: [String: String], path: String
  ) throws(CheckpointError) {
    let limit = HeaderReader.nameByteLimit
    var names: Set<String> = [SafetensorsHeader.metadataName]
    for name in tensors.map(\.name) + metadata.keys where name.utf8.count > limit {
      throw .tensor(path: path, name: name, expected: "a name of at most \(limit) bytes", found: "\(name.utf8.count)")
    }
    for tensor in tensors where !names.insert(tensor.name).inserted {
      throw .tensor(path: path, name: tensor.name, expected: "a name of its own", found: "a name already in use")
    }
  }

  private static func mismatch(_ tensor: TensorDescription, _ found: String, path: String) -> CheckpointError {
    .tensor(path: path, name: tensor.name, expected: "\(tensor.byteCount) bytes to write", found: found)
  }
}
